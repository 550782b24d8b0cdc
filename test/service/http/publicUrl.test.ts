import { createServer, request as forward } from "node:http";
import { expect, test } from "@jest/globals";
import express, { type Request } from "express";
import { errorHandler } from "../../../service/http/errorPages.ts";
import { redirectToPublicUrl, siteOf } from "../../../service/http/publicUrl.ts";
import { createLog } from "../../../service/process/log.ts";
import { Browser } from "../../support/browser.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";

const PUBLIC = new URL("https://phoenix.example");

function hostOf(host: string | undefined, protocol = "https"): string | undefined {
  return siteOf({ protocol, headers: { host } } as Request, {})?.href;
}

test.each([
  ["phoenix-dev-123.europe-west1.run.app", "phoenix-dev-123.europe-west1.run.app"],
  ["Phoenix.Example", "phoenix.example"],
  ["127.0.0.1:8080", "127.0.0.1:8080"],
  ["localhost:8080", "localhost:8080"],
  ["[::1]:8080", "[::1]:8080"],
])("without a public URL the site is where the Host header %s says", (host, expected) => {
  expect(hostOf(host)).toBe(`https://${expected}/`);
  expect(hostOf(host, "http")).toBe(`http://${expected}/`);
});

test.each([
  undefined,
  "",
  "a b",
  "evil.example/",
  "evil.example?",
  "evil.example#",
  "user@evil.example",
  "evil.example:80:80",
  "evil.example:port",
  "evil.example:99999",
  "evil\\example",
  "[::1",
  "-.example",
  "ex%61mple",
  "a".repeat(300),
])("the Host header %p is no site", (host) => {
  expect(hostOf(host)).toBeUndefined();
});

test("with a public URL the site is there, whatever the Host header says", () => {
  const req = { protocol: "http", headers: { host: "evil.example" } } as Request;
  expect(siteOf(req, { publicUrl: PUBLIC })).toBe(PUBLIC);
});

/** A site at that public URL, which shows the path that it was asked for. */
function site(publicUrl: URL, alsoServedAt: string[] = []): Promise<RunningServer> {
  const app = express();
  app.use(redirectToPublicUrl({ publicUrl, alsoServedAt }));
  app.use((req, res) => void res.send(`served ${req.originalUrl}`));
  app.use(errorHandler({ log: createLog({ level: "silent" }) }));
  return serve(app);
}

interface Asked {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

async function ask({ url }: RunningServer, { host, path = "/", method = "GET", headers }: Asked) {
  const { port } = new URL(url);
  return await new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const asked = forward(
        { host: "127.0.0.1", port, path, method, headers: { host, ...headers } },
        (res) => {
          let body = "";
          res.on("data", (chunk: Buffer) => {
            body += chunk.toString();
          });
          res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }));
        },
      );
      asked.on("error", reject);
      asked.end();
    },
  );
}

test("the public URL's host is served, in any case and with the port of its scheme", async () => {
  await using running = await site(PUBLIC);
  for (const host of ["phoenix.example", "Phoenix.Example", "phoenix.example:443"]) {
    expect(await ask(running, { host })).toMatchObject({ status: 200, body: "served /" });
  }
});

test("another host is redirected with path and query, and nobody may keep that", async () => {
  await using running = await site(PUBLIC);
  for (const method of ["GET", "HEAD"]) {
    const answer = await ask(running, { host: "other.run.app", path: "/a?b=1&c=%2F", method });
    expect(answer.status).toBe(307);
    expect(answer.headers).toMatchObject({
      location: "https://phoenix.example/a?b=1&c=%2F",
      "cache-control": "no-store",
    });
  }
});

test.each(["//evil.example/a", "/\\evil.example", "http://evil.example/a", "/@evil.example", "*"])(
  "the request for %s is not redirected anywhere else",
  async (path) => {
    await using running = await site(PUBLIC);
    const { status, headers } = await ask(running, { host: "other.run.app", path });
    expect(status).toBe(307);
    expect(new URL(String(headers.location)).host).toBe("phoenix.example");
  },
);

test("other methods at another host are refused as misdirected", async () => {
  await using running = await site(PUBLIC);
  for (const method of ["POST", "PUT", "DELETE"]) {
    const answer = await ask(running, { host: "other.run.app", method });
    expect(answer.status).toBe(421);
    expect(answer.body).toContain("https://phoenix.example");
  }
});

test("an address that is too long for a redirect is refused", async () => {
  await using running = await site(PUBLIC);
  const path = `/${"a".repeat(10_000)}`;
  expect(await ask(running, { host: "other.run.app", path })).toMatchObject({ status: 414 });
});

test("hosts that it is also served at are served", async () => {
  await using running = await site(PUBLIC, ["also.example", "also.example:8443"]);
  for (const host of ["also.example", "ALSO.example", "also.example:8443"]) {
    expect(await ask(running, { host, method: "POST" })).toMatchObject({ status: 200 });
  }
  expect(await ask(running, { host: "not.also.example" })).toMatchObject({ status: 307 });
});

test.each([
  ["X-Forwarded-Host", { "x-forwarded-host": "phoenix.example" }],
  ["Origin", { origin: "https://phoenix.example" }],
  ["Referer", { referer: "https://phoenix.example/page" }],
])(
  "behind a front that rewrites Host, %s shows that the browser is at the public URL",
  async (_name, headers) => {
    await using running = await site(PUBLIC);
    for (const method of ["GET", "POST"]) {
      const answer = await ask(running, { host: "internal.run.app", method, headers });
      expect(answer.status).toBe(200);
    }
  },
);

test.each([
  { "x-forwarded-host": "evil.example" },
  { origin: "https://evil.example" },
  { origin: "http://phoenix.example" },
  { origin: "null" },
  { referer: "https://phoenix.example.evil.example/" },
])("%p shows nothing of that", async (headers) => {
  await using running = await site(PUBLIC);
  const answer = await ask(running, { host: "other.run.app", method: "POST", headers });
  expect(answer.status).toBe(421);
});

test("behind a front that rewrites Host and says nothing of it, a browser is redirected once", async () => {
  // The front's address is known only once it listens.
  let backend: RunningServer | undefined;
  const front = createServer((req, res) => {
    const { port } = new URL(backend?.url ?? "");
    const headers = { ...req.headers, host: "internal.run.app" };
    const { method, url: path } = req;
    const asked = forward({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    req.pipe(asked);
  });
  await using listening = await serve((req, res) => void front.emit("request", req, res));
  backend = await site(new URL(listening.url));
  const browser = new Browser(listening.url);
  const first = await browser.fetch("/page?a=1");
  expect([first.status, first.headers.get("location")]).toEqual([307, `${listening.url}/page?a=1`]);
  const { response } = await browser.follow("/page?a=1");
  expect(await response.text()).toBe("served /page?a=1");
  await backend[Symbol.asyncDispose]();
});

test("without a public URL every host is served", async () => {
  const app = express();
  app.use(redirectToPublicUrl({}));
  app.use((_req, res) => void res.send("served"));
  await using running = await serve(app);
  expect(await ask(running, { host: "anything.example", method: "POST" })).toMatchObject({
    status: 200,
  });
});
