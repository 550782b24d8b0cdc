import { existsSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import type { SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { endSession, startSession } from "../../../service/session/session.ts";
import { Browser } from "../../support/browser.ts";
import { serve } from "../../support/httpServer.ts";
import {
  SECRET,
  type SessionAppOptions,
  sessionApp,
  shown,
  signedIn,
} from "../../support/sessionApp.ts";

const ADA = { user_id: "ada", user_email: "ada@example.com", id_token: "a.b.c" };

const instances: string[] = [];
afterEach(() => {
  for (const instance of instances.splice(0)) rmSync(directoryOf(instance), REMOVE);
});

const REMOVE = { recursive: true, force: true };

/** Folder of an instance's session files. */
function directoryOf(instance: string): string {
  return join(tmpdir(), `phoenix-sessions-${instance}`);
}

/** Starts an instance with SESSION_TYPE=filesystem, unless `options` say otherwise. */
async function start(name: string, options: SessionAppOptions = {}) {
  const instance = `${name}-${process.pid}`;
  instances.push(instance);
  const { app } = sessionApp({ sessionType: "filesystem", instance, ...options }, (routes) => {
    routes.get("/sign-in", (req, res) => {
      startSession(req, signedIn("ada"));
      req.session.note = "milk";
      res.json({});
    });
    routes.get("/read", (req, res) => {
      res.json({ ...shown(req), outcome: res.locals.session });
    });
    routes.get("/sign-out", (req, res) => {
      endSession(req);
      res.json({});
    });
  });
  return { ...(await serve(app)), directory: directoryOf(instance) };
}

/** Reads the whole response, because express-session saves between its headers and its end. */
async function ask(browser: Browser, path: string): Promise<Response> {
  const response = await browser.fetch(path);
  await response.clone().text();
  return response;
}

/** The session that an instance has for these cookies. */
async function read(url: string, cookies: ReadonlyMap<string, string>): Promise<unknown> {
  const browser = new Browser(url);
  for (const [name, value] of cookies) browser.cookies.set(name, value);
  return (await ask(browser, "/read")).json();
}

test("a session is kept in a file of the instance that created it, and is lost on any other", async () => {
  await using one = await start("one");
  await using other = await start("other");
  const browser = new Browser(one.url);
  await ask(browser, "/sign-in");
  expect(await read(one.url, browser.cookies)).toMatchObject({
    ...ADA,
    note: "milk",
    outcome: { session: "ok" },
  });
  expect(await read(other.url, browser.cookies)).toEqual({ outcome: { session: "expired" } });
  expect(readdirSync(one.directory)).toHaveLength(1);
  expect(readdirSync(other.directory)).toEqual([]);
});

test("an instance that does not have the session does not clear the cookie", async () => {
  await using one = await start("one");
  await using other = await start("other");
  const browser = new Browser(one.url);
  await ask(browser, "/sign-in");
  const stranger = new Browser(other.url);
  for (const [name, value] of browser.cookies) stranger.cookies.set(name, value);
  expect((await ask(stranger, "/read")).headers.getSetCookie()).toEqual([]);
});

test("without a cookie of that name there is no session, and reading creates none", async () => {
  await using service = await start("one");
  const cookies = new Map([["mysession", "s%3Ax"]]);
  expect(await read(service.url, cookies)).toEqual({ outcome: { session: "none" } });
  expect(readdirSync(service.directory)).toEqual([]);
});

test("signing out ends the session", async () => {
  await using service = await start("one");
  const browser = new Browser(service.url);
  await ask(browser, "/sign-in");
  const before = new Map(browser.cookies);
  await ask(browser, "/sign-out");
  expect(await read(service.url, before)).not.toHaveProperty("user_id");
});

test("without a key the response is 503, and sets no cookie", async () => {
  const keys: SessionKeys = { ...createStaticKeys(SECRET), signer: () => undefined };
  await using service = await start("one", { keys });
  const response = await ask(new Browser(service.url), "/sign-in");
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(response.headers.getSetCookie()).toEqual([]);
});

test("sessions in cookies create no directory", async () => {
  await using service = await start("cookies", { sessionType: "cookie" });
  const browser = new Browser(service.url);
  for (const path of ["/sign-in", "/read", "/sign-out"]) await ask(browser, path);
  expect(existsSync(service.directory)).toBe(false);
});
