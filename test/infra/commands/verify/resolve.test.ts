import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { RequestHandler } from "express";
import { fetchAt } from "../../../../infra/commands/verify/resolve.ts";
import { startProvider } from "../../../service/login/application.ts";
import { serve } from "../../../support/httpServer.ts";
import { run, runJson } from "./support/run.ts";
import { instance, site } from "./support/site.ts";

const HOST = "phoenix.acme.example";

let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

/** The site's URL with the domain's name, which is not in DNS. */
function named(url: string, scheme = "http"): string {
  return `${scheme}://${HOST}:${new URL(url).port}`;
}

test("a site is checked at an address under the domain's name, without DNS", async () => {
  const hosts = new Set<string | undefined>();
  const damage: RequestHandler = (req, _res, next) => {
    hosts.add(req.headers.host);
    next();
  };
  await using running = await site(instance({ oidc: provider.oidc, damage }));
  const url = named(running.url);
  const { json, failed } = await runJson([url, "--resolve", "127.0.0.1", "--requests", "12"]);
  expect(json.site).toBe(url);
  expect([...hosts]).toEqual([new URL(url).host]);
  expect(json.checks.filter(({ outcome }) => outcome === "ok").length).toBeGreaterThan(5);
  expect(failed).toEqual(["https"]);
});

test("TLS uses the domain's name", async () => {
  const names: string[] = [];
  const server = createTlsServer({
    SNICallback(name, callback) {
      names.push(name);
      callback(new Error("There is no certificate."));
    },
  });
  server.on("tlsClientError", () => undefined);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const { status, err } = await run([`https://${HOST}:${port}`, "--resolve", "127.0.0.1"]);
  server.close();
  expect(names).toEqual([HOST]);
  expect(status).toBe(1);
  expect(err).toContain(`${HOST}:${port} hung up: if its certificate is new,`);
});

test("an address where nothing listens is reported", async () => {
  const gone = await serve(() => undefined);
  await gone[Symbol.asyncDispose]();
  const { err } = await run([named(gone.url), "--resolve", "127.0.0.1"]);
  expect(err).toContain(`Nothing listens at ${HOST}:`);
});

test("requests and responses equal those of Node's fetch", async () => {
  await using running = await serve((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk) => chunks.push(chunk));
    req.on("end", () => {
      if (req.url === "/slow") return;
      res.writeHead(req.url === "/empty" ? 204 : 303, {
        location: "/elsewhere",
        "set-cookie": ["a=1", "b=2"],
        "x-asked": `${req.method} ${req.url} ${req.headers["x-word"]} ${req.headers["content-type"]}`,
      });
      res.end(req.url === "/empty" ? undefined : Buffer.concat(chunks));
    });
  });
  const answers = async (send: typeof fetch, url: string, path: string, init: RequestInit = {}) => {
    const headers = { "x-word": "hello" };
    const response = await send(`${url}${path}`, { redirect: "manual", headers, ...init });
    const { status, headers: got } = response;
    return [
      ...[status, got.get("location"), got.getSetCookie(), got.get("x-asked")],
      await response.text(),
    ];
  };
  const resolved = fetchAt(HOST, "127.0.0.1");
  for (const [path, init] of [
    ["/a?b=c", {}],
    ["/form", { method: "POST", body: new URLSearchParams({ user: "ada" }) }],
    ["/json", { method: "PUT", body: "{}" }],
    ["/head", { method: "HEAD" }],
    ["/empty", { method: "DELETE" }],
  ] as const) {
    expect(await answers(resolved, named(running.url), path, init)).toEqual(
      await answers(fetch, running.url, path, init),
    );
  }
  // Other hosts are resolved by DNS.
  expect(await answers(resolved, running.url, "/other")).toEqual(
    await answers(fetch, running.url, "/other"),
  );
  const late = resolved(`${named(running.url)}/slow`, { signal: AbortSignal.timeout(20) });
  await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
});
