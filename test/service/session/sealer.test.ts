import { createHmac } from "node:crypto";
import { deflateSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { decodeContent, encodeContent } from "../../../service/session/content.ts";
import { KeysUnavailableError } from "../../../service/session/errors.ts";
import { createSealer, type Sealer } from "../../../service/session/sealer.ts";

const NAME = "__Host-session";
const NOW = 1_800_000_000;
const keys = createStaticKeys("k".repeat(48));

function sealerFor(environment: string, now = NOW, with_: SessionKeys = keys) {
  return createSealer({ keys: with_, environment, clock: () => now });
}

function contentOf(data: object) {
  return { iat: NOW, exp: NOW + 60, data };
}

const jwt = fc
  .tuple(fc.nat(60), fc.nat(800), fc.nat(256), fc.integer({ min: 0, max: 255 }))
  .map(([head, body, signature, fill]) =>
    [head, body, signature].map((size) => Buffer.alloc(size, fill).toString("base64url")).join("."),
  );

const base64urlText = fc.stringMatching(/^[\w-]{60,70}(\.[\w-]{1,9}){0,3}$/);

const sessionData = fc
  .dictionary(
    fc.oneof(fc.constantFrom("user_id", "id_token", "__proto__", "toString"), fc.string()),
    fc.oneof(fc.jsonValue({ maxDepth: 3 }), jwt, base64urlText),
    { maxKeys: 4 },
  )
  .map((data) => JSON.parse(JSON.stringify(data)));

test("a sealed token opens with the content that was sealed", () => {
  const sealer = sealerFor("prod");
  fc.assert(
    fc.property(sessionData, (data) => {
      const token = sealer.seal(NAME, contentOf(data));
      const opened = sealer.open(NAME, token);
      fc.pre(token.length <= 4096);
      expect(opened).toMatchObject({ outcome: "ok", age: 0, sealed: { iat: NOW, exp: NOW + 60 } });
      expect(JSON.stringify(opened)).toContain(`"data":${JSON.stringify(data)}`);
    }),
  );
});

test("encoded content of any size decodes to the same content", () => {
  fc.assert(
    fc.property(sessionData, fc.nat(100_000), (data, size) => {
      const content = contentOf({ ...data, large: "é".repeat(size) });
      expect(JSON.stringify(decodeContent(encodeContent(content)))).toBe(JSON.stringify(content));
    }),
    { numRuns: 30 },
  );
});

test("bytes that encodeContent did not write decode to undefined", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeContent(Buffer.from(bytes))).toBeUndefined();
    }),
  );
});

// ASVS 11.7.2
test("a token does not reveal its content", () => {
  const token = sealerFor("prod").seal(NAME, contentOf({ user_email: "ada@example.com" }));
  const bytes = Buffer.from(token.split(".")[2] ?? "", "base64url").toString("latin1");
  expect(bytes).not.toContain("ada@example");
  expect(bytes).not.toContain("user_email");
});

// ASVS 7.2.2, 11.3.4
test("the same content sealed twice gives different tokens", () => {
  const sealer = sealerFor("prod");
  expect(sealer.seal(NAME, contentOf({}))).not.toBe(sealer.seal(NAME, contentOf({})));
});

// ASVS 9.1.1
test("a token with any one character changed is refused", () => {
  const sealer = sealerFor("prod");
  const token = sealer.seal(NAME, contentOf({ user_id: "ada" }), "", Buffer.from("attached"));
  for (let index = 0; index < token.length; index++) {
    for (const character of ["A", "B", "_", "-", ".", "1", "=", " ", "é"]) {
      if (token[index] === character) continue;
      const changed = token.slice(0, index) + character + token.slice(index + 1);
      expect(sealer.open(NAME, changed)).not.toMatchObject({ outcome: "ok" });
    }
  }
});

// ASVS 9.1.1, 11.3.2
test("every byte of nonce, ciphertext and tag is authenticated, of the attachment as well", () => {
  const sealer = sealerFor("prod");
  const token = sealer.seal(NAME, contentOf({ user_id: "ada" }), "", Buffer.from("attached"));
  const parts = token.split(".");
  for (const part of [2, 3]) {
    const bytes = Buffer.from(parts[part] ?? "", "base64url");
    for (let index = 0; index < bytes.length; index++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(bytes);
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        const opened = sealer.open(NAME, parts.with(part, changed.toString("base64url")).join("."));
        expect(opened).toEqual({ outcome: "tampered", kid: parts[1] });
      }
    }
  }
});

test("an attachment of any size opens as it was sealed", () => {
  const sealer = sealerFor("prod");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      const token = sealer.seal(NAME, contentOf({}), "sid", Buffer.from(bytes));
      expect(openedBy(sealer, token).attachment()).toEqual(Buffer.from(bytes));
    }),
  );
  expect(openedBy(sealer, sealer.seal(NAME, contentOf({}), "sid")).attachment()).toBeUndefined();
});

// ASVS 9.1.1
test("an attachment can't be left out, added, or moved to another token of the same purpose", () => {
  const sealer = sealerFor("prod");
  const [one, other] = ["one", "other"].map((text) =>
    sealer.seal(NAME, contentOf({}), "sid", Buffer.from(text)).split("."),
  );
  const without = sealer.seal(NAME, contentOf({}), "sid").split(".");
  for (const parts of [one?.slice(0, 3), one?.with(3, other?.[3] ?? ""), [...without, one?.[3]]]) {
    const opened = sealer.open(NAME, parts?.join(".") ?? "", "sid");
    expect(opened).toMatchObject({ outcome: "tampered" });
  }
  for (const parts of [one?.with(3, ""), [...without, ""], [...(one ?? []), one?.[3]]]) {
    const opened = sealer.open(NAME, parts?.join(".") ?? "", "sid");
    expect(opened).toEqual({ outcome: "malformed" });
  }
});

// ASVS 9.2.2
test("an attachment does not open as a token", () => {
  const sealer = sealerFor("prod");
  const inner = Buffer.from(JSON.stringify([NOW, NOW + 60, { user_id: "ada" }]));
  const [version, kid, , attachment] = sealer.seal(NAME, contentOf({}), "", inner).split(".");
  const opened = sealer.open(NAME, [version, kid, attachment].join("."));
  expect(opened).toMatchObject({ outcome: "tampered" });
});

function openedBy(sealer: Sealer, token: string) {
  const opened = sealer.open(NAME, token, "sid");
  if (opened instanceof Promise || opened.outcome !== "ok") throw new Error("It did not open.");
  return opened;
}

test("a token has one spelling: others of the same bytes are malformed", () => {
  const sealer = sealerFor("prod");
  for (let extra = 0; extra < 3; extra++) {
    const token = sealer.seal(NAME, contentOf({ user_id: "a".repeat(extra) }));
    const padded = [
      `${token}=`,
      `${token}==`,
      ` ${token}`,
      `${token}\n`,
      token.replace("v1", "V1"),
    ];
    for (const spelling of padded) {
      expect(sealer.open(NAME, spelling)).toEqual({ outcome: "malformed" });
    }
    const last = token.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const character of alphabet) {
      if (character === last) continue;
      expect(sealer.open(NAME, token.slice(0, -1) + character)).not.toMatchObject({
        outcome: "ok",
      });
    }
  }
});

test("arbitrary text never opens and never throws", () => {
  const sealer = sealerFor("prod");
  const texts = fc.oneof(
    fc.string({ maxLength: 5_000 }),
    fc.tuple(fc.string(), base64urlText).map(([kid, body]) => `v1.${kid}.${body}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(sealer.open(NAME, text)).not.toMatchObject({ outcome: "ok" });
    }),
  );
});

test("a session that the Flask application signed is malformed, not an error", () => {
  const payload = deflateSync(Buffer.from('{"user_id":"ada"}')).toString("base64url");
  const signature = createHmac("sha1", "flask").update(payload).digest("base64url");
  const cookie = `.${payload}.ZxY3rQ.${signature}`;
  expect(sealerFor("prod").open(NAME, cookie)).toEqual({ outcome: "malformed" });
});

// ASVS 9.2.3
test("a token of dev never opens in prod", () => {
  const token = sealerFor("dev").seal(NAME, contentOf({ user_id: "ada" }));
  expect(sealerFor("prod").open(NAME, token)).toMatchObject({ outcome: "tampered" });
  expect(sealerFor("dev").open(NAME, token)).toMatchObject({ outcome: "ok" });
});

// ASVS 9.2.2
test("a token sealed for one purpose never opens for another", () => {
  const sealer = sealerFor("prod");
  const token = sealer.seal("__Host-sign-in", contentOf({ state: "s" }));
  expect(sealer.open("__Host-session", token)).toMatchObject({ outcome: "tampered" });
  expect(sealer.open("session", token)).toMatchObject({ outcome: "tampered" });
});

// ASVS 9.1.3
test("a token with another key's id does not open, even if both keys are held", () => {
  const both = createStaticKeys("n".repeat(48), ["k".repeat(48)]);
  const token = sealerFor("prod").seal(NAME, contentOf({}));
  const renamed = token.replace(keys.signer()?.kid ?? "", both.signer()?.kid ?? "");
  const sealer = sealerFor("prod", NOW, both);
  expect(sealer.open(NAME, token)).toMatchObject({ outcome: "ok" });
  expect(sealer.open(NAME, renamed)).toMatchObject({ outcome: "tampered" });
});

// ASVS 9.2.1
test("a token opens until the second before it expires", () => {
  const token = sealerFor("prod").seal(NAME, contentOf({}));
  expect(sealerFor("prod", NOW + 59).open(NAME, token)).toMatchObject({ outcome: "ok", age: 59 });
  expect(sealerFor("prod", NOW + 60).open(NAME, token)).toMatchObject({
    outcome: "expired",
    age: 60,
  });
});

test("a token with an unknown key id is an unknown_key", () => {
  const token = sealerFor("prod").seal(NAME, contentOf({}));
  const other = sealerFor("prod", NOW, createStaticKeys("o".repeat(48)));
  expect(other.open(NAME, token)).toEqual({
    outcome: "unknown_key",
    kid: keys.signer()?.kid,
  });
});

test("the key ring's lookup decides the token's outcome", async () => {
  const token = sealerFor("prod").seal(NAME, contentOf({}));
  const { kid } = keys.signer() ?? { kid: "" };
  const source = (find: SessionKeys["find"]): SessionKeys => ({ ...keys, find });
  const retired = sealerFor(
    "prod",
    NOW,
    source(() => ({ status: "retired" })),
  );
  expect(retired.open(NAME, token)).toEqual({ outcome: "retired_key", kid });
  const unavailable = source(() => Promise.resolve({ status: "unavailable", retryAfter: 7 }));
  expect(await sealerFor("prod", NOW, unavailable).open(NAME, token)).toEqual({
    outcome: "key_unavailable",
    kid,
    retryAfter: 7,
  });
});

test("sealing without a key throws KeysUnavailableError", () => {
  const sealer = sealerFor("prod", NOW, { ...keys, signer: () => undefined });
  expect(() => sealer.seal(NAME, contentOf({}))).toThrow(KeysUnavailableError);
});
