import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { inject } from "light-my-request";
import type { SessionKeys } from "../../service/keys/sessionKeys.ts";
import { ada, grace, type LocalUser } from "../local/identity/users.ts";
import { createChance, seedFrom } from "./chance.ts";
import { cookieOf, createTarget, ring, sessionOf, tokenFor } from "./target.ts";

/** HOSTILE_SEED repeats a run. */
const SEED = seedFrom(process.env.HOSTILE_SEED);
const USERS: readonly LocalUser[] = [ada, grace];
const cookies = new Map(USERS.map((user) => [user, cookieOf(tokenFor(user))]));

function cookieFor(user: LocalUser): string {
  return cookies.get(user) ?? "";
}

const { app } = createTarget();

async function whoIs(cookie: string, target = app): Promise<string | undefined> {
  const { payload } = await inject(target, { url: "/notes", headers: { cookie } });
  return /<p class="user" title="([^"]*)"/.exec(payload)?.[1];
}

test("of two users' cookies in one request only the first is used", async () => {
  for (const [first, second] of [
    [ada, grace],
    [grace, ada],
  ] as const) {
    const header = `session=${cookieFor(first)}; session=${cookieFor(second)}`;
    const { payload } = await inject(app, { url: "/notes", headers: { cookie: header } });
    expect(payload).toContain(first.email);
    expect(payload).not.toContain(second.email);
    expect(payload).not.toContain(sessionOf(second).csrf_token);
  }
});

test("an invalid cookie before a valid one is not skipped", async () => {
  expect(await whoIs(`session=x; session=${cookieFor(ada)}`)).toBeUndefined();
  expect(await whoIs(`session=; session=${cookieFor(ada)}`)).toBeUndefined();
});

// ASVS 3.3.3
test("over https a cookie under the plain name is ignored, so that no other host can plant one", async () => {
  const https = createTarget({ cookieSecure: true }).app;
  const planted = cookieOf(tokenFor(grace));
  const own = cookieOf(tokenFor(ada, { name: "__Host-session" }));
  expect(await whoIs(`session=${planted}`, https)).toBeUndefined();
  expect(await whoIs(`session=${planted}; __Host-session=${own}`, https)).toBe(ada.email);
  expect(await whoIs(`__Host-session=${planted}`, https)).toBeUndefined();
});

test("one user's session with another's CSRF token changes nothing", async () => {
  for (const [user, other] of [
    [ada, grace],
    [grace, ada],
  ] as const) {
    const { statusCode } = await inject(app, {
      method: "PUT",
      url: "/api/note",
      headers: {
        cookie: `session=${cookieFor(user)}`,
        "x-csrf-token": sessionOf(other).csrf_token,
        "content-type": "application/json",
      },
      payload: '{"note":""}',
    });
    expect(statusCode).toBe(403);
  }
});

test("concurrent requests of two users never mix, in whatever order their keys are read", async () => {
  const chance = createChance(SEED);
  const keys = ring();
  /** A ring whose keys are read with a random delay. */
  const slow: SessionKeys = {
    ...keys,
    async find(kid) {
      await delay(chance.below(4));
      return keys.find(kid);
    },
  };
  const crossing = createTarget({ keys: slow }).app;
  const asked = Array.from({ length: 300 }, () => chance.pick(USERS));
  const answers = await Promise.all(
    asked.map(async (user, index) => {
      const headers = {
        cookie: `session=${cookieFor(user)}`,
        "x-csrf-token": sessionOf(user).csrf_token,
        "content-type": "application/json",
      };
      if (index % 3 !== 0) return whoIs(headers.cookie, crossing);
      const note = `of ${user.email}`;
      const payload = JSON.stringify({ note });
      const saved = await inject(crossing, { method: "PUT", url: "/api/note", headers, payload });
      const [data = ""] = String(saved.headers["set-cookie"]).split(";");
      const cookie = `${headers.cookie}; ${data}`;
      const { payload: read } = await inject(crossing, { url: "/api/note", headers: { cookie } });
      expect(JSON.parse(read)).toEqual({ note });
      return whoIs(cookie, crossing);
    }),
  );
  expect({ seed: SEED, answers }).toEqual({ seed: SEED, answers: asked.map(({ email }) => email) });
});
