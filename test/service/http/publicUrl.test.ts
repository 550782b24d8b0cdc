import { request as forward } from "node:http";
import { expect, test } from "@jest/globals";
import express, { type Request } from "express";
import { errorHandler } from "../../../service/http/errorPages.ts";
import { redirectToPublicUrl, siteOf } from "../../../service/http/publicUrl.ts";
import { createLog } from "../../../service/process/log.ts";
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
])("the Host header %p is refused", (host) => {
  expect(hostOf(host)).toBeUndefined();
});

test("with a public URL the Host header is ignored", () => {
  const req = { protocol: "http", headers: { host: "evil.example" } } as Request;
  expect(siteOf(req, { publicUrl: PUBLIC })).toBe(PUBLIC);
});

/** A site with that public URL, which returns the requested path. */
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

test("another host is redirected with path and query, and no-store", async () => {
  await using running = await site(PUBLIC);
  for (const method of ["GET", "HEAD"]) {
    const answer = await ask(running, { host: "other.run.app", path: "/a?b=1&c=%2F", method });
    expect(answer.status).toBe(307);
    expect(answer.headers).toMatchObject({
      location: "https://phoenix.example/a?b=1&c=%2F&_redirected",
      "cache-control": "no-store",
    });
  }
});

test.each(["//evil.example/a", "/\\evil.example", "http://evil.example/a", "/@evil.example", "*"])(
  "the request for %s is never redirected to another site",
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

test("a URL that is too long for a redirect is refused", async () => {
  await using running = await site(PUBLIC);
  const path = `/${"a".repeat(10_000)}`;
  expect(await ask(running, { host: "other.run.app", path })).toMatchObject({ status: 414 });
});

test("hosts in alsoServedAt are served", async () => {
  await using running = await site(PUBLIC, ["also.example", "also.example:8443"]);
  for (const host of ["also.example", "ALSO.example", "also.example:8443"]) {
    expect(await ask(running, { host, method: "POST" })).toMatchObject({ status: 200 });
  }
  expect(await ask(running, { host: "not.also.example" })).toMatchObject({ status: 307 });
});

test.each([
  ["X-Forwarded-Host", { "x-forwarded-host": "phoenix.example" }],
  ["X-Forwarded-Host with a port", { "x-forwarded-host": "Phoenix.example:443" }],
  ["X-Forwarded-Host of two fronts", { "x-forwarded-host": "phoenix.example, inner.example" }],
  ["Origin", { origin: "https://phoenix.example" }],
  ["Referer", { referer: "https://phoenix.example/page" }],
])(
  "behind a front end that rewrites Host, %s shows that the browser is at the public URL",
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
  { "x-forwarded-host": "evil.example, phoenix.example.evil.example" },
  { "x-forwarded-host": "phoenix.example:8443" },
  { "x-forwarded-host": "" },
  { origin: "https://evil.example" },
  { origin: "http://phoenix.example" },
  { origin: "null" },
  { referer: "https://phoenix.example.evil.example/" },
])("%p does not show that", async (headers) => {
  await using running = await site(PUBLIC);
  const answer = await ask(running, { host: "other.run.app", method: "POST", headers });
  expect(answer.status).toBe(421);
});

interface Front extends AsyncDisposable {
  readonly url: string;
  /** Number of redirects. */
  readonly redirects: () => number;
}

/** A front end that rewrites Host without X-Forwarded-Host, in front of a site. */
async function startFront(hosts: readonly string[], alsoServedAt: string[] = []): Promise<Front> {
  // The front's address is known only once it listens.
  let backend: RunningServer | undefined;
  let requests = 0;
  let redirects = 0;
  const front = await serve((req, res) => {
    const { port } = new URL(backend?.url ?? "");
    const host = hosts[requests++ % hosts.length] || req.headers.host;
    const { method, url: path } = req;
    const headers = { ...req.headers, host };
    const asked = forward({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      if (answer.statusCode === 307) redirects += 1;
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    req.pipe(asked);
  });
  backend = await site(new URL(front.url), alsoServedAt);
  const { url } = front;
  return {
    url,
    redirects: () => redirects,
    async [Symbol.asyncDispose]() {
      await backend?.[Symbol.asyncDispose]();
      await front[Symbol.asyncDispose]();
    },
  };
}

test.each([
  ["always", ["internal.run.app"], []],
  ["to other hosts each time", ["one.run.app", "two.run.app", "three.run.app"], []],
  ["now and then", ["internal.run.app", ""], []],
  ["for a host that is also served at", ["internal.run.app"], ["internal.run.app"]],
])(
  "behind a front end that rewrites Host %s without X-Forwarded-Host, no client is redirected twice, even without cookies",
  async (_when, hosts, alsoServedAt) => {
    await using front = await startFront(hosts, alsoServedAt);
    for (const path of [
      "/",
      "/page?a=1",
      "/page?",
      "/login?returnTo=%2Fpage",
      "/login/callback?a",
    ]) {
      const before = front.redirects();
      const response = await fetch(`${front.url}${path}`);
      expect([response.status, await response.text()]).toEqual([200, `served ${path}`]);
      expect(front.redirects() - before).toBeLessThanOrEqual(1);
    }
  },
);

test("another host is redirected every time", async () => {
  await using running = await site(PUBLIC);
  const first = await ask(running, { host: "other.run.app", path: "/page" });
  expect(first.headers).not.toHaveProperty("set-cookie");
  const again = await ask(running, { host: "other.run.app", path: "/page" });
  expect([again.status, again.headers.location]).toEqual([307, first.headers.location]);
});

test("routes don't see the redirect's suffix, and nothing else is removed", async () => {
  await using running = await site(PUBLIC);
  const { host } = PUBLIC;
  const redirected = await ask(running, { host, path: "/a?b=1&_redirected" });
  expect(redirected.body).toBe("served /a?b=1");
  for (const path of ["/_redirected", "/a?_redirected=1", "/a?_redirected&b", "/a?b_redirected"]) {
    expect(await ask(running, { host, path })).toMatchObject({ body: `served ${path}` });
    expect(await ask(running, { host: "other.run.app", path })).toMatchObject({ status: 307 });
  }
});

test("the suffix does not make an unsafe request acceptable at another host", async () => {
  await using running = await site(PUBLIC);
  const path = "/a?_redirected";
  const answer = await ask(running, { host: "other.run.app", path, method: "POST" });
  expect(answer.status).toBe(421);
});

test("a sign-in begins at the public URL, even from a host in alsoServedAt", async () => {
  await using running = await site(PUBLIC, ["also.example"]);
  for (const path of ["/login", "/login?returnTo=%2F", "/LOGIN/", "/login/callback?code=1"]) {
    for (const headers of [{}, { "x-forwarded-host": "also.example" }]) {
      const { status, headers: answer } = await ask(running, {
        ...{ host: "also.example", path, headers },
      });
      expect(status).toBe(307);
      expect(String(answer.location).startsWith(`${PUBLIC.origin}${path}`)).toBe(true);
    }
  }
  const logout = { host: "also.example", path: "/login/backchannel", method: "POST" };
  expect(await ask(running, logout)).toMatchObject({ status: 200 });
  expect(await ask(running, { host: "also.example", path: "/loginx" })).toMatchObject({
    status: 200,
  });
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
