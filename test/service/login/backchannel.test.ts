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
/** Whether the provider's ID tokens name its sessions, and whether it can be read. */
let namesSessions: boolean;
let documentStatus: number;
let keysStatus: number;
/** How often the provider's document and keys were read. */
let documentReads: number;
let keyReads: number;

beforeAll(async () => {
  [own, foreign] = [await generateKeyPair("RS256"), await generateKeyPair("RS256")];
  const key = { ...(await exportJWK(own.publicKey)), kid: "1", alg: "RS256", use: "sig" };
  // No Express app: `inject` changes what all of a process's apps inherit from.
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
  /** Whether a session of that user, and of that session at the provider, has ended. */
  hasEnded(user_id: string, provider_sid?: string, iat?: number): Promise<boolean>;
}

/** @param time seconds by which its clock is ahead; change it to travel in time. */
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

/** A logout token, as a good provider makes it but for the changes. */
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

test("a token with the provider's session ends the sessions that began in it, and no others", async () => {
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
])("a token %s ends all sessions of its user, and nobody else's", async (_what, names, claims) => {
  namesSessions = names;
  const site = createSite();
  expect((await site.send(await logoutToken(claims))).statusCode).toBe(200);
  expect(await site.hasEnded("ada", "p2")).toBe(true);
  expect(await site.hasEnded("grace")).toBe(false);
});

test("a token ends what began by its time: a later session lives, and a replay does no harm", async () => {
  const site = createSite();
  const now = Math.floor(Date.now() / 1000);
  const token = await logoutToken({ sid: undefined, iat: now - 30 });
  for (let i = 0; i < 5; i += 1) expect((await site.send(token)).statusCode).toBe(200);
  expect(await site.hasEnded("ada", undefined, now - 30)).toBe(true);
  expect(await site.hasEnded("ada", undefined, now - 20)).toBe(false);
  // Two objects, and no more for the same token.
  expect(site.bench.standIn.calls.create).toBe(2);
});

const past = () => Math.floor(Date.now() / 1000) - 3600;

test.each<[string, () => Promise<string>]>([
  ["is signed with another key", () => logoutToken({}, { key: foreign })],
  ["is no token", async () => "nonsense"],
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
  ["says no time", () => logoutToken({ iat: undefined })],
  ["is of the future", () => logoutToken({ iat: past() + 7200, exp: past() + 9000 })],
  ["says no end", () => logoutToken({ exp: undefined })],
  ["has run out", () => logoutToken({ iat: past(), exp: past() + 60 })],
  ["has no ID", () => logoutToken({ jti: undefined })],
  ["names neither a user nor a session", () => logoutToken({ sub: undefined, sid: undefined })],
  ["names a user that is no text", () => logoutToken({ sub: 7, sid: undefined })],
  ["has no events", () => logoutToken({ events: undefined })],
  ["is about another event", () => logoutToken({ events: { "https://other.example": {} } })],
  ["has an event that is no object", () => logoutToken({ events: { [EVENT]: true } })],
  ["has a nonce, as an ID token", () => logoutToken({ nonce: "n" })],
])("a token that %s is refused, and ends nothing", async (_what, make) => {
  const site = createSite();
  const response = await site.send(await make());
  expect([response.statusCode, response.headers["cache-control"]]).toEqual([400, "no-store"]);
  expect(site.lines).toContainEqual(expect.objectContaining({ event: "logout_token_refused" }));
  expect(site.bench.standIn.calls.create).toBe(0);
});

test("of many refused tokens some are logged, and the next line says how many were not", async () => {
  const time = { ahead: 0 };
  const site = createSite(time);
  for (let i = 0; i < 50; i += 1) expect((await site.send("nonsense")).statusCode).toBe(400);
  expect(site.lines).toHaveLength(10);
  time.ahead = 60;
  await site.send("nonsense");
  expect(site.lines).toHaveLength(11);
  expect(site.lines.at(-1)).toMatchObject({ event: "logout_token_refused", not_logged: 40 });
  // What the provider does with a valid token is always logged.
  await site.send(await logoutToken());
  expect(site.lines.at(-1)).toMatchObject({ event: "signed_out_by_provider" });
});

test("a mark that can't be written is answered with 503, and the provider may try again", async () => {
  const site = createSite();
  const token = await logoutToken();
  site.bench.standIn.fail({ fault: "forbidden" });
  const response = await site.send(token);
  expect([response.statusCode, response.headers["retry-after"]]).toEqual([503, "10"]);
  site.bench.standIn.heal();
  expect((await site.send(token)).statusCode).toBe(200);
  expect(await site.hasEnded("ada", "p1")).toBe(true);
});

test("a provider whose document can't be read is answered with 503, and is left alone for 10 s", async () => {
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

test("a key that can't be looked up is answered with 503, and tokens of known keys are still taken", async () => {
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
])("a form %s is refused, and no key is read for it", async (_what, form, status) => {
  const { statusCode, headers } = await createSite().post(form);
  expect([statusCode, headers["cache-control"], keyReads]).toEqual([status, "no-store", 0]);
});
