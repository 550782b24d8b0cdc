import { expect, test } from "@jest/globals";
import type { KeyLookup, SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { serve } from "../../support/httpServer.ts";
import { SECRET, type SessionAppOptions, sessionApp } from "../../support/sessionApp.ts";

/** What holds for a cookie that is remembered, as for one that was never seen. */

const START = 1_800_000_000;
const LIFETIME = 600;

async function start(options: SessionAppOptions = {}) {
  const { app } = sessionApp({ sessionLifetime: LIFETIME, ...options }, (routes) => {
    routes.get("/sign-in", (req, res) => {
      req.session = { user_id: String(req.query.user), id_token: "a.b.c", reel: ["tides"] };
      res.json({});
    });
    routes.get("/read", (req, res) => {
      res.json({ ...req.session, ...res.locals.session });
    });
    routes.get("/spoil", (req, res) => {
      // Never reaches the cookie, because the response's headers are gone.
      res.flushHeaders();
      if (req.session) req.session.user_id = "mallory";
      req.session?.reel?.push("silk");
      res.end();
    });
  });
  const server = await serve(app);
  async function get(path: string, cookie = "") {
    const response = await fetch(server.url + path, { headers: { cookie } });
    const [setCookie = ""] = response.headers.getSetCookie();
    return { status: response.status, setCookie, text: await response.text() };
  }
  const cookie = (await get("/sign-in?user=ada")).setCookie.split(";")[0] ?? "";
  async function read(value = cookie) {
    const { status, text } = await get("/read", value);
    return { status, ...JSON.parse(status === 200 ? text : "{}") };
  }
  // Remembered is what came twice.
  for (let time = 0; time < 2; time += 1) {
    expect(await read()).toMatchObject({ session: "ok", reel: ["tides"] });
  }
  return { get, read, cookie, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Keys whose answer changes. */
function changingKeys() {
  const keys = createStaticKeys(SECRET);
  let answer: ((kid: string) => KeyLookup | Promise<KeyLookup>) | undefined;
  const changing: SessionKeys = { ...keys, find: (kid) => answer?.(kid) ?? keys.find(kid) };
  return {
    keys: changing,
    answer(given: typeof answer) {
      answer = given;
    },
  };
}

test("a session ends with its key, even if it was open a moment ago", async () => {
  const { keys, answer } = changingKeys();
  await using service = await start({ keys });
  answer(() => ({ status: "retired" }));
  expect(await service.read()).toMatchObject({ session: "retired_key" });
  answer(async () => ({ status: "unknown" }));
  expect(await service.read()).toMatchObject({ session: "unknown_key" });
  answer(undefined);
  expect(await service.read()).toMatchObject({ session: "ok" });
});

test("while its key can't be read, a session that was open a moment ago waits too", async () => {
  const { keys, answer } = changingKeys();
  await using service = await start({ keys });
  answer(() => ({ status: "unavailable", retryAfter: 3 }));
  expect(await service.read()).toEqual({ status: 503 });
});

test("another secret under the same name opens nothing", async () => {
  const { keys, answer } = changingKeys();
  await using service = await start({ keys });
  const other = createStaticKeys("another secret of more than 32 characters").signer();
  if (other === undefined) throw new Error("There is no key.");
  answer((kid) => ({ status: "found", key: { kid, secret: other.secret } }));
  expect(await service.read()).toMatchObject({ session: "tampered" });
});

test("the same secret read anew still opens it", async () => {
  const { keys, answer } = changingKeys();
  await using service = await start({ keys });
  answer((kid) => createStaticKeys(SECRET).find(kid));
  expect(await service.read()).toMatchObject({ session: "ok", reel: ["tides"] });
});

test("a session ends in its last second, and ages until then", async () => {
  let now = START;
  await using service = await start({ clock: () => now });
  now = START + LIFETIME - 1;
  expect(await service.read()).toMatchObject({ session: "ok", session_age: LIFETIME - 1 });
  now = START + LIFETIME;
  expect(await service.read()).toMatchObject({ session: "expired", session_age: LIFETIME });
});

test("what a request does to its session stays its own until it is in the cookie", async () => {
  await using service = await start();
  await service.get("/spoil", service.cookie);
  const { user_id, reel } = await service.read();
  expect({ user_id, reel }).toEqual({ user_id: "ada", reel: ["tides"] });
});

test("no cookie that differs by a character opens, with the true one open a moment ago", async () => {
  await using service = await start();
  for (let index = "session=".length; index < service.cookie.length; index += 1) {
    const character = service.cookie[index] === "A" ? "B" : "A";
    const changed = `${service.cookie.slice(0, index)}${character}${service.cookie.slice(index + 1)}`;
    const { session } = await service.read(changed);
    expect(session).not.toBe("ok");
  }
});

test("each of many sessions is taken for nobody else's", async () => {
  await using service = await start();
  const users = Array.from({ length: 150 }, (_, index) => `user ${index}`);
  const cookies: string[] = [];
  for (const user of users) {
    const { setCookie } = await service.get(`/sign-in?user=${encodeURIComponent(user)}`);
    cookies.push(setCookie.split(";")[0] ?? "");
  }
  const back = cookies.toReversed();
  for (const order of [cookies, back, cookies, back]) {
    for (const cookie of order) {
      const { user_id } = await service.read(cookie);
      expect(user_id).toBe(users[cookies.indexOf(cookie)]);
    }
  }
});
