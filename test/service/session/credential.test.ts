import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { sessionCookie } from "../../../service/session/cookie.ts";
import { keepCookie } from "../../../service/session/cookieFormat.ts";
import { credentialIn, idTokenIn, sealCredential } from "../../../service/session/credential.ts";
import { packToken, unpackToken } from "../../../service/session/packedToken.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { credentialData } from "../../support/sessionApp.ts";

const NOW = 1_800_000_000;
const COOKIE = sessionCookie(true);
const sealer = createSealer({
  keys: createStaticKeys("k".repeat(48)),
  environment: "prod",
  clock: () => NOW,
});

const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
const jwt = fc
  .tuple(...[60, 800, 256].map((maxLength) => fc.uint8Array({ maxLength })))
  .map((segments) => segments.map(encode).join("."));
const idToken = fc.option(fc.oneof(jwt, fc.string({ unit: "grapheme", maxLength: 300 })), {
  nil: undefined,
});

const text = fc.string({ minLength: 1 });
const credential = fc.record({
  ...{ sid: text, user_id: text, csrf_token: text, iss: text, of_domain: fc.boolean() },
  user_email: fc.option(text, { nil: undefined }),
  provider_sid: fc.option(text, { nil: undefined }),
  iat: fc.constant(NOW),
  exp: fc.constant(NOW + 60),
});

test("a credential and its ID token open as they were sealed", () => {
  fc.assert(
    fc.property(credential, idToken, (original, token) => {
      const sealed = sealCredential(sealer, COOKIE.name, original, token);
      fc.pre(sealed.length <= 4096);
      const opened = sealer.open(COOKIE.name, sealed);
      if (opened instanceof Promise || opened.outcome !== "ok") throw new Error("It did not open.");
      const { iat, exp, data } = opened.sealed;
      expect(credentialIn(iat, exp, data)).toEqual(original);
      expect(idTokenIn(opened)).toBe(token);
    }),
  );
});

test("content of another version of the service is not a credential", () => {
  const good: unknown[] = ["sid", "user", null, "csrf", "https://accounts.example", true, null];
  expect(credentialIn(NOW, NOW + 60, good)).toBeDefined();
  const bad = [good.slice(1), [...good, 1], { ...good }, good.with(0, ""), good.with(1, 7)];
  for (const data of bad) expect(credentialIn(NOW, NOW + 60, data)).toBeUndefined();
});

test("a packed ID token takes three quarters of its length", () => {
  fc.assert(
    fc.property(jwt, (token) => {
      expect(packToken(token).length).toBeLessThanOrEqual(token.length * 0.75 + 5);
    }),
  );
});

test.each(["", ".", "..", "a.b.c", "AA==.AA.AA", "AB.AA.AA", `${"A".repeat(100_000)}.AA.AA`])(
  "a text that is not a JWT is packed unchanged: %p",
  (token) => {
    expect(unpackToken(packToken(token))).toBe(token);
  },
);

test("a credential with an ID token of 1 kB fits into 2 kB of Cookie header", () => {
  const token = [24, 548, 256].map((bytes) => encode(Buffer.alloc(bytes, "q7"))).join(".");
  expect(token.length).toBeGreaterThan(1_100);
  const original = {
    ...credentialData("108204268033311374519", { user_email: "ada.lovelace@example.com" }),
    ...{ iat: NOW, exp: NOW + 604_800 },
  };
  const sealed = sealCredential(sealer, COOKIE.name, original, token);
  const [pair = ""] = keepCookie(COOKIE, sealed, 604_800).split(";");
  expect(`Cookie: ${pair}`.length).toBeLessThan(2_048);
});
