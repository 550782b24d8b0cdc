import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import express from "express";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { inject, type Response } from "light-my-request";
import { backchannelRoutes } from "../../../service/login/backchannel.ts";
import { lazyClient } from "../../../service/login/lazyClient.ts";
import type { OidcConfig } from "../../../service/login/settings.ts";
import { createEndedBench, type EndedBench } from "../../support/endedBench.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";

const EVENT = "http://schemas.openid.net/event/backchannel-logout";
const CLIENT = { clientId: "phoenix", clientSecret: "a secret of the tests" };

type Key = Awaited<ReturnType<typeof generateKeyPair>>;

let provider: RunningServer;
let own: Key;
let foreign: Key;
/** Whether the provider's ID tokens have a session, and whether the provider can be reached. */
let namesSessions: boolean;
let documentStatus: number;
let keysStatus: number;
/** Number of reads of the provider's metadata and keys. */
let documentReads: number;
let keyReads: number;

beforeAll(async () => {
  [own, foreign] = [await generateKeyPair("RS256"), await generateKeyPair("RS256")];
  const key = { ...(await exportJWK(own.publicKey)), kid: "1", alg: "RS256", use: "sig" };
  // Not an Express app, because `inject` changes the prototype that all apps of a process share.
  provider = await serve((req, res) => {
    if (req.url === "/jwks") {
      keyReads += 1;
      res.writeHead(keysStatus).end(JSON.stringify({ keys: [key] }));
      return;
    }
    const document = {
      issuer: provider.url,
      authorization_endpoint: `${provider.url}/auth`,
      token_endpoint: `${provider.url}/token`,
      jwks_uri: `${provider.url}/jwks`,
      backchannel_logout_session_supported: namesSessions,
    };
    documentReads += 1;
    res.writeHead(documentStatus).end(JSON.stringify(document));
  });
});

afterAll(async () => {
  await provider[Symbol.asyncDispose]();
});

beforeEach(() => {
  namesSessions = true;
  [documentStatus, keysStatus] = [200, 200];
  [documentReads, keyReads] = [0, 0];
});

interface Site {
  readonly bench: EndedBench;
  readonly lines: Record<string, unknown>[];
  /** Sends a logout token as the provider does. */
  send(token: string): Promise<Response>;
  post(form: string): Promise<Response>;
  /** Whether a session of a user, and of a session at the provider, has ended. */
  hasEnded(user_id: string, provider_sid?: string, iat?: number): Promise<boolean>;
}

/** @param time seconds by which its clock is ahead; tests change it */
function createSite(time = { ahead: 0 }): Site {
  const bench = createEndedBench(Math.floor(Date.now() / 1000));
  const ended = bench.instance();
  const lines: Record<string, unknown>[] = [];
  const write = (fields: object, message: string) => void lines.push({ ...fields, message });
  const oidc: OidcConfig = { issuer: new URL(provider.url), ...CLIENT };
  const clock = () => Math.floor(Date.now() / 1000) + time.ahead;
  const app = express();
  app.use(
    backchannelRoutes({
      client: lazyClient(oidc, clock),
      ended,
      clock,
      log: { info: write, warn: write, error: write },
    }),
  );
  const post = (payload: string) =>
    inject(app, {
      method: "POST",
      url: "/login/backchannel",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      payload,
    });
  return {
    bench,
    lines,
    post,
    send: (token) => post(new URLSearchParams({ logout_token: token }).toString()),
    async hasEnded(user_id, provider_sid, iat = bench.time.now() - 60) {
      const session = { sid: "a", iss: provider.url, user_id, provider_sid, iat };
      return (await bench.time.settle(ended.check(session))) === "ended";
    },
  };
}

let tokens = 0;

/** A valid logout token with changes. */
function logoutToken(
  claims: Record<string, unknown> = {},
  { typ = "logout+jwt", kid = "1", key = own }: { typ?: string; kid?: string; key?: Key } = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  tokens += 1;
  const good = {
    iss: provider.url,
    aud: CLIENT.clientId,
    iat: now,
    exp: now + 120,
    jti: `token ${tokens}`,
    sub: "ada",
    sid: "p1",
    events: { [EVENT]: {} },
  };
  return new SignJWT({ ...good, ...claims })
    .setProtectedHeader({ alg: "RS256", kid, typ })
    .sign(key.privateKey);
}

test("a token with a session of the provider ends the sessions that began in it, and no others", async () => {
  const site = createSite();
  const response = await site.send(await logoutToken());
  expect([response.statusCode, response.headers["cache-control"]]).toEqual([200, "no-store"]);
  expect(await site.hasEnded("ada", "p1")).toBe(true);
  expect(await site.hasEnded("ada", "p2")).toBe(false);
  expect(site.lines).toContainEqual(expect.objectContaining({ event: "signed_out_by_provider" }));
});

test.each([
  ["without a session", true, { sid: undefined }],
  ["of a provider whose ID tokens name no session", false, {}],
])(
  "a token %s ends all sessions of its user, and no other user's",
  async (_what, names, claims) => {
    namesSessions = names;
    const site = createSite();
    expect((await site.send(await logoutToken(claims))).statusCode).toBe(200);
    expect(await site.hasEnded("ada", "p2")).toBe(true);
    expect(await site.hasEnded("grace")).toBe(false);
  },
);

test("a token ends sessions that began before its time: later ones are valid, and a replay is harmless", async () => {
  const site = createSite();
  const now = Math.floor(Date.now() / 1000);
  const token = await logoutToken({ sid: undefined, iat: now - 30 });
  for (let i = 0; i < 5; i += 1) expect((await site.send(token)).statusCode).toBe(200);
  expect(await site.hasEnded("ada", undefined, now - 30)).toBe(true);
  expect(await site.hasEnded("ada", undefined, now - 20)).toBe(false);
  // Two objects, and none for the repeated token.
  expect(site.bench.standIn.calls.create).toBe(2);
});

test("tokens with the same jti each end their user's sessions", async () => {
  const site = createSite();
  for (const sub of ["ada", "grace"]) {
    const token = await logoutToken({ sub, sid: undefined, jti: "used twice" });
    expect((await site.send(token)).statusCode).toBe(200);
    expect(await site.hasEnded(sub)).toBe(true);
  }
});

const past = () => Math.floor(Date.now() / 1000) - 3600;

test.each<[string, () => Promise<string>]>([
  ["is signed with another key", () => logoutToken({}, { key: foreign })],
  ["is not a token", async () => "nonsense"],
  ["is empty", async () => ""],
  [
    "has no signature",
    async () => {
      const [, payload = ""] = (await logoutToken()).split(".");
      const header = Buffer.from('{"alg":"none","typ":"logout+jwt"}').toString("base64url");
      return `${header}.${payload}.`;
    },
  ],
  ["is of another type, as an ID token", () => logoutToken({}, { typ: "JWT" })],
  ["is another provider's", () => logoutToken({ iss: "https://other.example" })],
  ["is for another client", () => logoutToken({ aud: "another" })],
  ["has no iat", () => logoutToken({ iat: undefined })],
  ["has an iat in the future", () => logoutToken({ iat: past() + 7200, exp: past() + 9000 })],
  ["has no exp", () => logoutToken({ exp: undefined })],
  ["has expired", () => logoutToken({ iat: past(), exp: past() + 60 })],
  ["has no jti", () => logoutToken({ jti: undefined })],
  ["names neither a user nor a session", () => logoutToken({ sub: undefined, sid: undefined })],
  ["has a sub that is not text", () => logoutToken({ sub: 7, sid: undefined })],
  ["has no events", () => logoutToken({ events: undefined })],
  ["is about another event", () => logoutToken({ events: { "https://other.example": {} } })],
  ["has an event that is not an object", () => logoutToken({ events: { [EVENT]: true } })],
  ["has a nonce, as an ID token", () => logoutToken({ nonce: "n" })],
])("a token that %s is refused, and ends nothing", async (_what, make) => {
  const site = createSite();
  const response = await site.send(await make());
  expect([response.statusCode, response.headers["cache-control"]]).toEqual([400, "no-store"]);
  expect(site.lines).toContainEqual(expect.objectContaining({ event: "logout_token_refused" }));
  expect(site.bench.standIn.calls.create).toBe(0);
});

test("refused tokens are logged with a rate limit, and the next line has the number of omitted ones", async () => {
  const time = { ahead: 0 };
  const site = createSite(time);
  for (let i = 0; i < 50; i += 1) expect((await site.send("nonsense")).statusCode).toBe(400);
  expect(site.lines).toHaveLength(10);
  time.ahead = 60;
  await site.send("nonsense");
  expect(site.lines).toHaveLength(11);
  expect(site.lines.at(-1)).toMatchObject({ event: "logout_token_refused", not_logged: 40 });
  // A valid token is always logged.
  await site.send(await logoutToken());
  expect(site.lines.at(-1)).toMatchObject({ event: "signed_out_by_provider" });
});

test("if the mark can't be written, the response is 503, and the provider may retry", async () => {
  const site = createSite();
  const token = await logoutToken();
  site.bench.standIn.fail({ fault: "forbidden" });
  const response = await site.send(token);
  expect([response.statusCode, response.headers["retry-after"]]).toEqual([503, "10"]);
  site.bench.standIn.heal();
  expect((await site.send(token)).statusCode).toBe(200);
  expect(await site.hasEnded("ada", "p1")).toBe(true);
});

test("if the provider's metadata can't be read, the response is 503, and the next read is after 10 s", async () => {
  documentStatus = 500;
  const time = { ahead: 0 };
  const site = createSite(time);
  const token = await logoutToken();
  for (let i = 0; i < 5; i += 1) expect((await site.send(token)).statusCode).toBe(503);
  expect([documentReads, site.bench.standIn.calls.create]).toEqual([1, 0]);
  documentStatus = 200;
  time.ahead = 10;
  expect((await site.send(token)).statusCode).toBe(200);
});

test("if a key can't be looked up, the response is 503, and tokens of known keys are still accepted", async () => {
  const site = createSite();
  expect((await site.send(await logoutToken())).statusCode).toBe(200);
  keysStatus = 500;
  const invented = await site.send(await logoutToken({}, { kid: "invented" }));
  expect([invented.statusCode, invented.headers["retry-after"]]).toEqual([503, "10"]);
  expect(site.lines).toContainEqual(expect.objectContaining({ event: "logout_token_unchecked" }));
  expect((await site.send(await logoutToken({ sid: "p2" }))).statusCode).toBe(200);
  expect(await site.hasEnded("ada", "p2")).toBe(true);
});

test.each([
  ["without a token", "other=1", 400],
  ["with two tokens", "logout_token=a&logout_token=b", 400],
  ["of more than 16 kB", `logout_token=${"a".repeat(16_400)}`, 413],
])("a form %s is refused without reading a key", async (_what, form, status) => {
  const { statusCode, headers } = await createSite().post(form);
  expect([statusCode, headers["cache-control"], keyReads]).toEqual([status, "no-store", 0]);
});
