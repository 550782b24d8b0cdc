import { request as send } from "node:http";
import { expect, test } from "@jest/globals";
import { json } from "express";
import { endSession, startSession } from "../../../service/session/session.ts";
import { Browser } from "../../support/browser.ts";
import { serve } from "../../support/httpServer.ts";
import { type SessionAppOptions, sessionApp, shown, signedIn } from "../../support/sessionApp.ts";

/** A service that holds back the response to a save until the test releases it. */
async function start(options: SessionAppOptions = {}) {
  const saves: (() => void)[] = [];
  const { app } = sessionApp(options, (routes) => {
    routes.use(json());
    routes.get("/sign-in/:user", (req, res) => {
      startSession(req, signedIn(req.params.user));
      res.json({});
    });
    routes.post("/logout", (req, res) => {
      endSession(req);
      res.json({});
    });
    routes.post("/save", async (req, res) => {
      req.session.note = String(req.query.note ?? req.body.note);
      await new Promise<void>((resolve) => void saves.push(resolve));
      res.json({});
    });
    routes.post("/save-at-once", (req, res) => {
      req.session.note = String(req.body.note);
      res.json({});
    });
    routes.get("/read", (req, res) => void res.json({ ...shown(req), ...res.locals.session }));
  });
  const server = await serve(app);

  /** A save that has arrived, and the function that releases its response. */
  async function slowSave(browser: Browser, note: string): Promise<() => Promise<Response>> {
    const answer = browser.fetch(`/save?note=${note}`, { method: "POST" });
    while (saves.length === 0) await new Promise(setImmediate);
    const release = saves.shift();
    return () => {
      release?.();
      return answer;
    };
  }

  const browser = new Browser(server.url);
  async function read() {
    return (await (await browser.fetch("/read")).json()) as Record<string, unknown>;
  }
  return {
    ...server,
    ...{ browser, slowSave, read },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test("the late response to a save does not undo a sign-out", async () => {
  await using service = await start();
  const { browser, slowSave, read } = service;
  await browser.fetch("/sign-in/ada");
  const finish = await slowSave(browser, "tides");
  await browser.fetch("/logout", { method: "POST" });
  expect((await finish()).status).toBe(200);
  expect(await read()).toEqual({ session: "none" });
});

test("the late response to a save does not replace a session that another user began meanwhile", async () => {
  await using service = await start();
  const { browser, slowSave, read } = service;
  await browser.fetch("/sign-in/ada");
  const finish = await slowSave(browser, "tides");
  await browser.fetch("/sign-in/grace");
  await finish();
  const session = await read();
  expect(session).toMatchObject({ user_id: "grace", session: "ok" });
  expect(session).not.toHaveProperty("note");
});

test("a late save of an earlier session does not reach a later one of the same user, and its cookie is cleared", async () => {
  await using service = await start();
  const { browser, slowSave, read } = service;
  await browser.fetch("/sign-in/ada");
  const finish = await slowSave(browser, "tides");
  await browser.fetch("/sign-in/ada");
  await finish();
  expect(browser.cookies.size).toBe(2);
  expect(await read()).not.toHaveProperty("note");
  expect([...browser.cookies.keys()]).toEqual(["session"]);
});

test("a POST whose body arrives after the response to a sign-out sets no session", async () => {
  await using service = await start();
  const { browser, read } = service;
  await browser.fetch("/sign-in/ada");
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const body = JSON.stringify({ note: "milk" });
  const headers = { cookie, "content-type": "application/json", "content-length": body.length };
  const late = send(`${service.url}/save-at-once`, { method: "POST", headers });
  const answered = new Promise<string[]>((resolve, reject) => {
    late.once("error", reject);
    late.once("response", (response) => {
      response.resume();
      resolve(response.headers["set-cookie"] ?? []);
    });
  });
  late.write(body.slice(0, 5));
  await browser.fetch("/logout", { method: "POST" });
  late.end(body.slice(5));
  for (const line of await answered) {
    expect(line).toMatch(/^data-/);
    const [name = "", value = ""] = line.split(";", 1)[0]?.split(/=(.*)/s) ?? [];
    browser.cookies.set(name, value);
  }
  expect(await read()).toEqual({ session: "none" });
});

test("the late response to an expired session does not end a session that began meanwhile", async () => {
  let now = 1_800_000_000;
  await using service = await start({ clock: () => now, sessionLifetime: 60 });
  const { browser, read } = service;
  await browser.fetch("/sign-in/ada");
  now += 60;
  const expired = browser.clone();
  await browser.fetch("/sign-in/ada");
  for (const path of ["/read", "/save-at-once"]) {
    const late = await expired.fetch(path);
    expect(late.headers.getSetCookie()).toEqual([]);
  }
  expect(await read()).toMatchObject({ user_id: "ada", session: "ok" });
});

test("each session has its own id, CSRF token and lifetime, also for the same user", async () => {
  let now = 1_800_000_000;
  await using service = await start({ clock: () => now, sessionLifetime: 60 });
  const { browser, read } = service;
  await browser.fetch("/sign-in/ada");
  await browser.fetch("/save-at-once", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"note":"milk"}',
  });
  const before = await read();
  expect(before).toHaveProperty("note", "milk");
  now += 59;
  await browser.fetch("/sign-in/ada");
  now += 59;
  const after = await read();
  expect(after).toMatchObject({ session: "ok", session_age: 59 });
  expect(after).not.toHaveProperty("note");
  expect(after.csrf_token).not.toBe(before.csrf_token);
});
