import { expect, test } from "@jest/globals";
import type { Request, Response } from "express";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { createProofs } from "../../../service/login/proofs.ts";
import { MAX_RETURN_TO_LENGTH } from "../../../service/login/returnTo.ts";
import {
  ATTEMPT_LIFETIME,
  type Attempt,
  createTransactions,
  MAX_ATTEMPTS,
} from "../../../service/login/transaction.ts";
import { MAX_COOKIE_BYTES } from "../../../service/session/cookie.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { Browser } from "../../support/browser.ts";
import { serve } from "../../support/httpServer.ts";
import { SECRET, sessionApp } from "../../support/sessionApp.ts";

const NOW = 1_800_000_000;

function attempt(startedAt = NOW, returnTo = "/page"): Attempt {
  return { ...createProofs(), returnTo, startedAt };
}

function sealerAt(clock: () => number) {
  return createSealer({ keys: createStaticKeys(SECRET), environment: "test", clock });
}

/** An application that adds an attempt, or tells the ones that it reads. */
function store(options: { readonly now?: () => number; readonly cookieSecure?: boolean } = {}) {
  const { now = () => NOW, cookieSecure = false } = options;
  const transactions = createTransactions({ sealer: sealerAt(now), cookieSecure, clock: now });
  return sessionApp({ clock: now }, (app) => {
    app.get("/write", async (req, res) => {
      const { attempts } = await transactions.read(req);
      const returnTo = String(req.query.to ?? "/page");
      transactions.write(res, [...attempts, attempt(now(), returnTo)]);
      res.end();
    });
    app.get("/read", async (req, res) => void res.json(await transactions.read(req)));
    app.get("/clear", (_req, res) => {
      transactions.write(res, []);
      res.end();
    });
  }).app;
}

async function read(browser: Browser): Promise<{ outcome: string; attempts: Attempt[] }> {
  return (await (await browser.fetch("/read")).json()) as { outcome: string; attempts: Attempt[] };
}

test("only the newest attempts are kept, oldest first", async () => {
  await using server = await serve(store());
  const browser = new Browser(server.url);
  const paths = ["/1", "/2", "/3", "/4", "/5"];
  for (const to of paths) await browser.fetch(`/write?to=${to}`);
  const { attempts } = await read(browser);
  expect(attempts.map(({ returnTo }) => returnTo)).toEqual(paths.slice(-MAX_ATTEMPTS));
});

test("as many attempts as are kept fit into a cookie, with the longest places to come back to", async () => {
  await using server = await serve(store({ cookieSecure: true }));
  const browser = new Browser(server.url);
  const to = `/${"a".repeat(MAX_RETURN_TO_LENGTH - 1)}`;
  let size = 0;
  for (let count = 0; count < MAX_ATTEMPTS; count++) {
    const response = await browser.fetch(`/write?${new URLSearchParams({ to })}`);
    size = Buffer.byteLength(response.headers.getSetCookie().join());
  }
  expect((await read(browser)).attempts).toHaveLength(MAX_ATTEMPTS);
  expect(size).toBeLessThanOrEqual(MAX_COOKIE_BYTES);
});

test("each attempt ends by its own time, and the cookie with the last one", async () => {
  let now = NOW;
  await using server = await serve(store({ now: () => now }));
  const browser = new Browser(server.url);
  await browser.fetch("/write?to=/1");
  now += 100;
  await browser.fetch("/write?to=/2");
  now = NOW + ATTEMPT_LIFETIME - 1;
  expect((await read(browser)).attempts).toHaveLength(2);
  now += 1;
  expect((await read(browser)).attempts).toHaveLength(1);
  now += 100;
  expect(await read(browser)).toEqual({ attempts: [], outcome: "expired" });
});

test("a cookie that does not open is as none, and is said to the log as what it is", async () => {
  await using server = await serve(store());
  const browser = new Browser(server.url);
  expect(await read(browser)).toEqual({ attempts: [], outcome: "none" });
  await browser.fetch("/write");
  const token = browser.cookies.get("sign-in") ?? "";
  browser.cookies.set("sign-in", `${token.slice(0, -5)}AAAAA`);
  expect(await read(browser)).toEqual({ attempts: [], outcome: "tampered" });
  browser.cookies.set("sign-in", "nonsense");
  expect(await read(browser)).toEqual({ attempts: [], outcome: "malformed" });
  await browser.fetch("/clear");
  expect(browser.cookies.has("sign-in")).toBe(false);
});

test("what another version of the service sealed is not taken for an attempt", async () => {
  await using server = await serve(store());
  const browser = new Browser(server.url);
  for (const attempts of ["nonsense", [null, 7, {}, { ...attempt(), nonce: 1 }], undefined]) {
    const content = { iat: NOW, exp: NOW + 1, data: { attempts } };
    browser.cookies.set("sign-in", sealerAt(() => NOW).seal("sign-in", content));
    expect(await read(browser)).toEqual({ attempts: [], outcome: "ok" });
  }
});

test("while the key can't be read, the answer is 503 and the cookie stays", async () => {
  const sealer = {
    ...sealerAt(() => NOW),
    open: () => ({ outcome: "key_unavailable", kid: "7", retryAfter: 3 }) as const,
  };
  const { read } = createTransactions({ sealer, cookieSecure: false, clock: () => NOW });
  const { app } = sessionApp({}, (routes) => {
    routes.get("/read", async (req: Request, res: Response) => void res.json(await read(req)));
  });
  await using server = await serve(app);
  const response = await fetch(`${server.url}/read`, { headers: { cookie: "sign-in=v1.7.AAAA" } });
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "3"]);
  expect(response.headers.getSetCookie()).toEqual([]);
});
