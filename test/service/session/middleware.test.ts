import { expect, test } from "@jest/globals";
import express, { Router } from "express";
import * as fc from "fast-check";
import type { SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { sealCredential } from "../../../service/session/credential.ts";
import type { SessionCheck } from "../../../service/session/sealed.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { endSession, startSession } from "../../../service/session/session.ts";
import { serve } from "../../support/httpServer.ts";
import {
  credentialData,
  SECRET,
  type SessionAppOptions,
  sessionApp,
  shown,
  signedIn,
} from "../../support/sessionApp.ts";

const ADA = { user_id: "ada", user_email: "ada@example.com", id_token: "a.b.c" };
const START = 1_800_000_000;
const LIFETIME = 604_800;

/** A service in which each route does one thing to the session. */
async function start(options: SessionAppOptions = {}) {
  const { app, lines } = sessionApp(options, (routes) => {
    routes.get("/sign-in", (req, res) => {
      startSession(req, signedIn("ada"));
      res.json({});
    });
    routes.get("/read", (req, res) => {
      res.json({ ...shown(req), outcome: res.locals.session });
    });
    routes.get("/choose", (req, res) => {
      req.session.note = "milk";
      res.json({});
    });
    routes.get("/sign-out", (req, res) => {
      endSession(req);
      res.json({});
    });
    routes.get("/large", (req, res) => {
      req.session.note = "x".repeat(Number(req.query.size));
      res.type("html").send("<p>saved</p>");
    });
    routes.get("/bigint", (req, res) => {
      Object.assign(req.session, { count: 1n });
      res.json({});
    });
    routes.get("/cycle", (req, res) => {
      Object.assign(req.session, { self: req.session });
      res.json({});
    });
  });
  const server = await serve(app);
  async function get(path: string, cookie?: string, headers: Record<string, string> = {}) {
    const response = await fetch(server.url + path, {
      headers: { ...headers, ...(cookie !== undefined && { cookie }) },
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      setCookie: response.headers.getSetCookie(),
      text,
      json: () => JSON.parse(text),
    };
  }
  return { ...server, get, lines, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function pairOf(setCookie: readonly string[]): string {
  return setCookie[0]?.split(";")[0] ?? "";
}

function attributesOf(setCookie: readonly string[]): string[] {
  return (setCookie[0] ?? "").split("; ").slice(1);
}

test("session data persists across requests", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  const read = await service.get("/read", cookie);
  expect(read.json()).toMatchObject({ ...ADA, outcome: { session: "ok" } });
});

test("session data persists across instances that share nothing but the key", async () => {
  await using one = await start({ keys: createStaticKeys(SECRET) });
  await using other = await start({ keys: createStaticKeys(SECRET) });
  const cookie = pairOf((await one.get("/sign-in")).setCookie);
  expect((await other.get("/read", cookie)).json()).toMatchObject(ADA);
});

// ASVS 3.3.2, 3.3.4
test("the cookie is HttpOnly and SameSite=Lax, for the whole site, and lasts as long as the session", async () => {
  await using service = await start();
  const { setCookie } = await service.get("/sign-in");
  expect(setCookie).toHaveLength(1);
  expect(setCookie[0]).toMatch(/^session=/);
  expect(attributesOf(setCookie)).toEqual(
    expect.arrayContaining(["httponly", "samesite=lax", "path=/", `max-age=${LIFETIME}`]),
  );
  expect(setCookie[0]).not.toMatch(/; (secure|domain)/);
});

// ASVS 3.3.1
test("with SESSION_COOKIE_SECURE the cookie is Secure and has the prefix __Host-", async () => {
  await using service = await start({ cookieSecure: true });
  const https = { "x-forwarded-proto": "https" };
  const { setCookie } = await service.get("/sign-in", undefined, https);
  expect(setCookie[0]).toMatch(/^__Host-session=/);
  expect(attributesOf(setCookie)).toEqual(
    expect.arrayContaining(["secure", "httponly", "samesite=lax", "path=/"]),
  );
});

test("with SESSION_COOKIE_SECURE over plain http the response says what is wrong", async () => {
  await using service = await start({ cookieSecure: true });
  const { status, text, setCookie } = await service.get("/sign-in");
  expect(status).toBe(400);
  expect(text).toContain("SESSION_COOKIE_SECURE");
  expect(text).toContain("https");
  expect(setCookie).toEqual([]);
});

test("a response sets the cookie only when the session changed", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  expect((await service.get("/read", cookie)).setCookie).toEqual([]);
  expect((await service.get("/read")).setCookie).toEqual([]);
  const chosen = await service.get("/choose", cookie);
  expect(chosen.setCookie).toHaveLength(1);
  expect((await service.get("/choose", pairOf(chosen.setCookie))).setCookie).toEqual([]);
});

// ASVS 14.3.2
test("a response that depends on the session is no-store", async () => {
  await using service = await start();
  for (const path of ["/sign-in", "/read", "/sign-out", "/large?size=9000"]) {
    expect((await service.get(path)).headers.get("cache-control")).toBe("no-store");
  }
});

test("signing out clears the cookie, and sets none for a visitor without one", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  const { setCookie } = await service.get("/sign-out", cookie);
  expect(pairOf(setCookie)).toBe("session=");
  expect(attributesOf(setCookie)).toContain("max-age=0");
  expect((await service.get("/sign-out")).setCookie).toEqual([]);
});

// ASVS 7.3.2
test("the server refuses a session whose lifetime is over, even if the browser still sends it", async () => {
  let now = START;
  await using service = await start({ clock: () => now });
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  now = START + LIFETIME - 1;
  expect((await service.get("/read", cookie)).json()).toMatchObject(ADA);
  now = START + LIFETIME;
  const read = await service.get("/read", cookie);
  expect(read.json()).toEqual({
    outcome: { session: "expired", kid: expect.any(String), session_age: LIFETIME },
  });
});

// ASVS 7.3.2
test("writing to a session does not extend its lifetime", async () => {
  let now = START;
  await using service = await start({ clock: () => now });
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  now = START + LIFETIME - 10;
  const { setCookie } = await service.get("/choose", cookie);
  expect(attributesOf(setCookie)).toContain("max-age=10");
  now = START + LIFETIME;
  expect((await service.get("/read", `${cookie}; ${pairOf(setCookie)}`)).json()).toEqual({
    outcome: { session: "expired", kid: expect.any(String), session_age: LIFETIME },
  });
});

// ASVS 7.3.2
test("a shorter lifetime applies to existing sessions", async () => {
  let now = START;
  await using before = await start({ clock: () => now });
  await using after = await start({ clock: () => now, sessionLifetime: 60 });
  const cookie = pairOf((await before.get("/sign-in")).setCookie);
  now = START + 60;
  expect((await after.get("/read", cookie)).json()).toMatchObject({
    outcome: { session: "expired" },
  });
  expect((await before.get("/read", cookie)).json()).toMatchObject({ outcome: { session: "ok" } });
});

test("a shorter lifetime does not shorten how long the end of a session is remembered", async () => {
  const checked: number[] = [];
  const ended: SessionCheck = {
    check({ exp }) {
      checked.push(exp);
      return "live";
    },
  };
  const clock = () => START;
  await using before = await start({ clock });
  await using after = await start({ clock, sessionLifetime: 60, ended });
  const cookie = pairOf((await before.get("/sign-in")).setCookie);
  await after.get("/read", cookie);
  expect(checked).toEqual([START + LIFETIME]);
});

test("a longer lifetime does not extend existing sessions", async () => {
  let now = START;
  await using before = await start({ clock: () => now, sessionLifetime: 60 });
  await using after = await start({ clock: () => now });
  const cookie = pairOf((await before.get("/sign-in")).setCookie);
  now = START + 30;
  const data = pairOf((await after.get("/choose", cookie)).setCookie);
  now = START + 60;
  expect((await after.get("/read", `${cookie}; ${data}`)).json()).toMatchObject({
    outcome: { session: "expired" },
  });
});

test("signing in again starts a new lifetime", async () => {
  let now = START;
  await using service = await start({ clock: () => now });
  const first = pairOf((await service.get("/sign-in")).setCookie);
  now = START + LIFETIME;
  const second = pairOf((await service.get("/sign-in", first)).setCookie);
  now = START + LIFETIME + 10;
  expect((await service.get("/read", second)).json()).toMatchObject({
    outcome: { session: "ok", session_age: 10 },
  });
});

test("a cookie that does not open is not cleared, and counts as no session", async () => {
  await using service = await start();
  await using stranger = await start({ keys: createStaticKeys("another key ".repeat(4)) });
  const good = pairOf((await service.get("/sign-in")).setCookie);
  const foreign = pairOf((await stranger.get("/sign-in")).setCookie);
  const flask = "session=.eJyrVkrLz1eyUkpKLFKqBQAd3QR5.ZxY3rQ.Ij1kZ2Vsd2ViIHNpZ25hdHVyZQ";
  const refused: [cookie: string, outcome: string][] = [
    [foreign, "unknown_key"],
    [flask, "malformed"],
    ["session=", "malformed"],
    ["session=bnVsbA==", "malformed"],
    [`session=${Buffer.from('{"user_id":"ada"}').toString("base64")}`, "malformed"],
    [`${good}=`, "malformed"],
    [`${good}!`, "malformed"],
    [good.replace("=", '="'), "malformed"],
    [`${good} `.replace("=", "= "), "malformed"],
  ];
  for (const [cookie, outcome] of refused) {
    const { json, setCookie, status } = await service.get("/read", cookie);
    expect(status).toBe(200);
    expect(json()).toMatchObject({ outcome: { session: outcome } });
    expect(json()).not.toHaveProperty("user_id");
    expect(setCookie).toEqual([]);
  }
});

test("no change of the cookie's text is accepted", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  const value = cookie.slice("session=".length);
  const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
  await fc.assert(
    fc.asyncProperty(fc.nat(value.length - 1), printable, async (index, character) => {
      fc.pre(character !== value[index] && character !== ";");
      const changed = `session=${value.slice(0, index)}${character}${value.slice(index + 1)}`;
      const { json, setCookie } = await service.get("/read", changed);
      expect(json().outcome.session).not.toBe("ok");
      expect(setCookie).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

// ASVS 11.2.5
test("while a key can't be read the response is 503 with Retry-After, and the cookie stays", async () => {
  const keys: SessionKeys = {
    ...createStaticKeys(SECRET),
    find: async () => ({ status: "unavailable", retryAfter: 7 }),
  };
  await using before = await start();
  await using service = await start({ keys });
  const cookie = pairOf((await before.get("/sign-in")).setCookie);
  for (const path of ["/read", "/sign-in", "/sign-out", "/choose"]) {
    const { status, headers, setCookie, text } = await service.get(path, cookie);
    expect(status).toBe(503);
    expect(headers.get("retry-after")).toBe("7");
    expect(setCookie).toEqual([]);
    expect(text).not.toContain("ada@example");
  }
});

test("without a key to seal with, signing in answers 503 and sets no cookie", async () => {
  const keys: SessionKeys = { ...createStaticKeys(SECRET), signer: () => undefined };
  await using service = await start({ keys });
  const { status, headers, setCookie } = await service.get("/sign-in");
  expect(status).toBe(503);
  expect(headers.get("retry-after")).toMatch(/^\d+$/);
  expect(setCookie).toEqual([]);
});

test("the error for a session that does not fit into a cookie names the size, the limit and the largest field", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  for (const size of [1_500, 9_000, 200_000]) {
    const { status, text, setCookie } = await service.get(`/large?size=${size}`, cookie);
    expect(status).toBe(500);
    expect(text).toMatch(/would be \d{4,} bytes, and may have 2048/);
    expect(text).toContain("note");
    expect(text).not.toContain("saved");
    expect(setCookie).toEqual([]);
  }
  expect((await service.get("/read", cookie)).json()).toMatchObject(ADA);
  expect((await service.get("/large?size=900", cookie)).text).toBe("<p>saved</p>");
});

// ASVS 3.3.5
test("near the size limit a session is either stored or refused with an error, never lost", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  for (let size = 900; size < 1_300; size += 7) {
    const { status, setCookie } = await service.get(`/large?size=${size}`, cookie);
    const bytes = Buffer.byteLength(setCookie[0] ?? "");
    expect(status).toBe(setCookie.length === 1 ? 200 : 500);
    expect(bytes).toBeLessThanOrEqual(2_048);
  }
});

test("a value that JSON can't represent is an error in the response and the log, and the session stays", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  for (const path of ["/bigint", "/cycle"]) {
    const { status, setCookie } = await service.get(path, cookie);
    expect([path, status, setCookie]).toEqual([path, 500, []]);
    expect(service.lines.splice(0)).toEqual([
      expect.objectContaining({ severity: "ERROR", code: "SESSION_NOT_SERIALIZABLE" }),
    ]);
  }
  expect((await service.get("/read", cookie)).json()).toMatchObject(ADA);
});

test("neither a session's content nor its cookie is in the log", async () => {
  await using service = await start();
  const cookie = pairOf((await service.get("/sign-in")).setCookie);
  await service.get("/large?size=9000", cookie);
  await service.get("/bigint", cookie);
  const log = JSON.stringify(service.lines);
  expect(log).not.toContain("ada@example.com");
  expect(log).not.toContain(cookie.slice(20, 60));
  expect(log).not.toContain(SECRET);
});

test("a session of one environment is not accepted in another, in either direction", async () => {
  await using dev = await start({ environment: "dev" });
  await using prod = await start({ environment: "prod" });
  for (const [here, there] of [
    [dev, prod],
    [prod, dev],
  ] as const) {
    const cookie = pairOf((await here.get("/sign-in")).setCookie);
    const read = await there.get("/read", cookie);
    expect(read.json()).toEqual({
      outcome: { session: "tampered", kid: createStaticKeys(SECRET).signer()?.kid },
    });
    expect(read.setCookie).toEqual([]);
    expect((await here.get("/read", cookie)).json()).toMatchObject(ADA);
  }
});

test("a token that was sealed under another name is not accepted as a session", async () => {
  const now = Math.floor(Date.now() / 1000);
  const sealer = createSealer({
    keys: createStaticKeys(SECRET),
    environment: "test",
    clock: () => now,
  });
  await using service = await start();
  for (const [name, outcome] of [
    ["session", "ok"],
    ["sign-in", "tampered"],
    ["__Host-session", "tampered"],
    ["clip-url", "tampered"],
  ] as const) {
    const credential = { ...credentialData("ada"), iat: now, exp: now + 60 };
    const sealed = sealCredential(sealer, name, credential);
    const value = Buffer.from(JSON.stringify({ sealed })).toString("base64");
    const { json } = await service.get("/read", `session=${value}`);
    expect([name, json().outcome.session]).toEqual([name, outcome]);
  }
});

test("data reads back as it was stored, and whatever JSON would change is refused", async () => {
  let next: unknown;
  const { app } = sessionApp({}, (routes) => {
    routes.get("/sign-in", (req, res) => {
      startSession(req, signedIn("ada"));
      res.json({});
    });
    routes.get("/store", (req, res) => {
      Object.assign(req.session, next);
      res.json({});
    });
    routes.get("/read", (req, res) => res.json(req.session));
  });
  await using server = await serve(app);
  const get = (path: string, cookie = "") => fetch(server.url + path, { headers: { cookie } });
  const cookie = pairOf((await get("/sign-in")).headers.getSetCookie());
  async function store(data: unknown) {
    next = data;
    const { status, headers } = await get("/store", cookie);
    const read = await get("/read", `${cookie}; ${pairOf(headers.getSetCookie())}`);
    return [status, await read.text()];
  }

  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 3, stringUnit: "binary" }), async (json) => {
      fc.pre(json.length < 500);
      const data = JSON.stringify(JSON.parse(`{"data":${json}}`)).replaceAll(":-0", ":0");
      expect(await store(JSON.parse(data))).toEqual([200, data]);
    }),
  );
  const named = '{"__proto__":{"user_id":"grace"},"constructor":1,"toString":"a","then":2}';
  expect(await store(JSON.parse(`{"data":${named}}`))).toEqual([200, `{"data":${named}}`]);

  const serializesItself = Object.defineProperty({ a: 1 }, "toJSON", { value: () => "changed" });
  expect(await store({ data: serializesItself })).toEqual([200, '{"data":{"a":1}}']);
  let reads = 0;
  const alternating = Object.defineProperty({}, "a", {
    enumerable: true,
    get: () => (++reads % 2 === 1 ? 1 : new Date()),
  });
  expect(await store({ data: alternating })).toEqual([200, '{"data":{"a":1}}']);
  for (const data of [[1, undefined], Array(2), Object.assign([1], { two: 2 }), Array(1e5)]) {
    expect(await store({ data })).toEqual([500, "{}"]);
  }
});

test("a session works in an application that a router of the service calls", async () => {
  const inner = express();
  inner.get("/sign-in", (req, res) => {
    startSession(req, signedIn("ada"));
    res.json({});
  });
  inner.get("/read", (req, res) => {
    res.json(shown(req));
  });
  inner.get("/large", (req, res) => {
    req.session.note = "x".repeat(9_000);
    res.json({});
  });
  const { app } = sessionApp({}, (routes) => routes.use(Router().use("/inner", inner)));
  await using server = await serve(app);
  const get = (path: string, cookie = "") => fetch(server.url + path, { headers: { cookie } });
  const cookie = pairOf((await get("/inner/sign-in")).headers.getSetCookie());
  expect(await (await get("/inner/read", cookie)).json()).toMatchObject(ADA);
  expect((await get("/inner/large", cookie)).status).toBe(500);
});

test("headers that a route passes to writeHead all arrive beside the session's cookie", async () => {
  const { app } = sessionApp({}, (routes) => {
    routes.get("/", (req, res) => {
      startSession(req, signedIn("ada"));
      res.set("Link", "<old>");
      res.writeHead(200, ["Link", "<a>", "Set-Cookie", "a=b", "Link", "<b>", "Age", "1"]).end();
    });
  });
  await using server = await serve(app);
  const { headers } = await fetch(server.url);
  expect([headers.get("link"), headers.get("age")]).toEqual(["<a>, <b>", "1"]);
  expect(headers.getSetCookie()).toEqual([expect.stringMatching(/^session=/), "a=b"]);
});
