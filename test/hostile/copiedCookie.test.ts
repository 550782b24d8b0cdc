import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { inject } from "light-my-request";
import { ada } from "../local/identity/users.ts";
import { cookieOf, createTarget, ring, sessionOf, tokenFor } from "./target.ts";

const LIFETIME = 604_800;

/** A stolen cookie, and the CSRF token that the page shows to its bearer. */
let copied: { cookie: string; "x-csrf-token": string };

beforeEach(() => {
  const cookie = `session=${cookieOf(tokenFor(ada))}`;
  copied = { cookie, "x-csrf-token": sessionOf(ada).csrf_token };
});
afterEach(() => {
  jest.useRealTimers();
});

async function statusNow(target = createTarget()): Promise<number> {
  return (await inject(target.app, { url: "/api/note", headers: copied })).statusCode;
}

// ASVS 7.4.1
test("signing out deletes the browser's cookie, and a copy of it is refused", async () => {
  const target = createTarget();
  const signedOut = await inject(target.app, { method: "POST", url: "/logout", headers: copied });
  expect(signedOut.headers["set-cookie"]).toMatch(/^session=;.*max-age=0/);
  expect(await statusNow(target)).toBe(401);
});

// ASVS 7.4.1
test("a copied cookie expires with the session, however it is used", async () => {
  const target = createTarget();
  const headers = { ...copied, "content-type": "application/json" };
  const payload = '{"note":"eggs"}';
  const saved = await inject(target.app, { method: "PUT", url: "/api/note", headers, payload });
  const [pair = ""] = String(saved.headers["set-cookie"]).split(";");
  jest.useFakeTimers({
    now: Date.now() + LIFETIME * 1_000,
    doNotFake: ["nextTick", "setImmediate"],
  });
  expect(await statusNow(target)).toBe(401);
  copied.cookie = `${copied.cookie}; ${pair}`;
  expect(await statusNow(target)).toBe(401);
});

test("a copied cookie is refused once its key is disabled, as after a leak", async () => {
  const keys = ring();
  const disabled = createTarget({ keys: { ...keys, find: () => ({ status: "retired" }) } });
  expect(await statusNow(disabled)).toBe(401);
});

// ASVS 3.3.4
test("no response contains the cookie's value, so that no script can read it", async () => {
  const { app } = createTarget();
  const value = copied.cookie.slice("session=".length);
  for (const url of ["/", "/notes", "/api/note", "/x"]) {
    const { payload, headers } = await inject(app, { url, headers: copied });
    for (const text of [payload, JSON.stringify(headers)]) {
      expect(text).not.toContain(value.slice(20, 60));
      expect(text).not.toContain(sessionOf(ada).id_token.slice(0, 40));
    }
  }
});

// ASVS 7.4.4
test("the application's page shows who is signed in, and a sign-out button", async () => {
  const { payload } = await inject(createTarget().app, { url: "/notes", headers: copied });
  expect(payload).toContain(ada.email);
  expect(payload).toMatch(/<form id="sign-out" method="post" action="\/logout">/);
});
