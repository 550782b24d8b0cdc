import { beforeAll, expect, test } from "@jest/globals";
import {
  type CryptoKey,
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
  SignJWT,
} from "jose";
import { createPushTokenVerifier } from "../../../service/rotator/pushToken.ts";

const NOW = 1_800_000_000;
const HOUR = 3600;
const CERTIFICATES = new URL("https://www.googleapis.com/oauth2/v3/certs");
const CLAIMS = {
  iss: "https://accounts.google.com",
  aud: "the rotator",
  email: "push@acme.example",
  email_verified: true,
  iat: NOW - 60,
  exp: NOW + HOUR,
};

let privateKey: CryptoKey;
let strangersKey: CryptoKey;
let google: JSONWebKeySet;

beforeAll(async () => {
  const pair = await generateKeyPair("RS256");
  privateKey = pair.privateKey;
  strangersKey = (await generateKeyPair("RS256")).privateKey;
  google = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "1", alg: "RS256" }] };
});

interface Token {
  readonly claims?: Record<string, unknown>;
  readonly key?: CryptoKey | Uint8Array;
  readonly alg?: string;
  readonly kid?: string;
}

function sign({ claims, key = privateKey, alg = "RS256", kid = "1" }: Token): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg, kid }).sign(key);
}

function verifier(keys: JWTVerifyGetKey = createLocalJWKSet(google)) {
  const { aud: audience, email: account } = CLAIMS;
  return createPushTokenVerifier({ audience, account, keys, clock: () => NOW });
}

async function outcomeOf(token: Token): Promise<string> {
  const verdict = await verifier()(`Bearer ${await sign(token)}`);
  return verdict.outcome;
}

test("a token that Google signed for the rotator and the subscription's account is genuine", async () => {
  expect(await outcomeOf({})).toBe("genuine");
  expect(await outcomeOf({ claims: { iss: "accounts.google.com" } })).toBe("genuine");
  expect(await outcomeOf({ claims: { exp: NOW - 10 } })).toBe("genuine");
});

test.each<[what: string, claims: Record<string, unknown>]>([
  ["is for another audience", { aud: "https://phoenix-prod-rotator-abcdefghij-ew.a.run.app" }],
  ["has no audience", { aud: undefined }],
  ["has another account's address", { email: "someone@acme.example" }],
  ["has no address", { email: undefined }],
  ["has an unverified address", { email_verified: false }],
  ["lacks email_verified", { email_verified: undefined }],
  ["has email_verified as text", { email_verified: "true" }],
  ["has another issuer", { iss: "https://accounts.google.com.evil.example" }],
  ["has expired", { exp: NOW - HOUR }],
  ["never expires", { exp: undefined }],
  ["is not valid yet", { nbf: NOW + HOUR }],
])("a token that %s is refused", async (_what, claims) => {
  expect(await outcomeOf({ claims })).toBe("refused");
});

test("a token that Google did not sign is refused", async () => {
  const secret = new TextEncoder().encode("a secret of more than thirty-two characters");
  expect(await outcomeOf({ key: strangersKey })).toBe("refused");
  expect(await outcomeOf({ key: secret, alg: "HS256" })).toBe("refused");
  expect(await outcomeOf({ kid: "2" })).toBe("refused");
});

test.each([undefined, "", "Bearer", "Bearer x", "Basic eDp5", "Bearer a.b.c", "Bearer a.b.c d"])(
  "a push with the header %j is refused",
  async (authorization) => {
    expect(await verifier()(authorization)).toMatchObject({ outcome: "refused" });
  },
);

test("a token without a signature is refused", async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "none" })}.${part(CLAIMS)}.`;
  expect(await verifier()(`Bearer ${token}`)).toMatchObject({ outcome: "refused" });
});

test.each<[what: string, answer: () => Promise<Response>]>([
  ["can't be reached", () => Promise.reject(new TypeError("fetch failed"))],
  ["answers with an error", async () => new Response("", { status: 503 })],
  ["answers with no keys", async () => Response.json({})],
])("if Google %s the verdict is unavailable", async (_what, answer) => {
  const keys = createRemoteJWKSet(CERTIFICATES, { [customFetch]: answer });
  const verdict = await verifier(keys)(`Bearer ${await sign({})}`);
  expect(verdict).toMatchObject({ outcome: "unavailable" });
});

test("Google's keys are fetched once for many tokens", async () => {
  let fetched = 0;
  const keys = createRemoteJWKSet(CERTIFICATES, {
    [customFetch]: async () => {
      fetched += 1;
      return Response.json(google);
    },
  });
  const verify = verifier(keys);
  for (let i = 0; i < 3; i += 1)
    expect(await verify(`Bearer ${await sign({})}`)).toEqual({ outcome: "genuine" });
  expect(fetched).toBe(1);
});

test("no verdict repeats the token", async () => {
  const token = await sign({ claims: { aud: "another" } });
  const verdict = await verifier()(`Bearer ${token}`);
  for (const part of token.split(".")) expect(JSON.stringify(verdict)).not.toContain(part);
});
