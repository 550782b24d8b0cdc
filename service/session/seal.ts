import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import type { SessionKey } from "../keys/sessionKeys.ts";
import { decodeBase64 } from "../pure/base64.ts";
import { derivedKey } from "./derivedKey.ts";

/**
 * A sealed token is `v1.<kid>.<base64url(nonce ‖ ciphertext ‖ tag)>`: AES-256-GCM under a key that
 * HKDF-SHA256 (RFC 5869) derives from the secret's payload. The additional data binds the format's
 * version, the key's id, the token's name, the environment, and for a session's data the session.
 */
const VERSION = "v1";
const CIPHER = "aes-256-gcm";
/** 96 bits, the nonce size that GCM uses without hashing it first: NIST SP 800-38D, 5.2.1.1. */
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OPTIONS = { authTagLength: TAG_BYTES };
/** Longer tokens don't fit into a cookie, so they are not decoded. */
const MAX_TOKEN_LENGTH = 4096;
export const KID = /^[\w-]{1,16}$/;

/** What a token is for. A token that was sealed for another purpose doesn't open. */
export interface Purpose {
  /** For the credential its cookie's name; for data the prefix of its cookie's name. */
  readonly name: string;
  readonly environment: string;
  /** What else the token belongs to, such as a session's id. */
  readonly boundTo?: string | undefined;
}

/** A token's parts, not yet authenticated. */
export interface ParsedToken {
  readonly kid: string;
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** Seals bytes. `nonce` is 12 random bytes and must never be reused with the same key. */
export function seal(
  plaintext: Buffer,
  key: SessionKey,
  purpose: Purpose,
  nonce: Uint8Array,
): string {
  const cipher = createCipheriv(CIPHER, sealingKey(key, purpose.name), nonce, OPTIONS);
  cipher.setAAD(additionalData(key.kid, purpose));
  const sealed = Buffer.concat([
    nonce,
    cipher.update(plaintext),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return `${VERSION}.${key.kid}.${sealed.toString("base64url")}`;
}

/** Parses a token; undefined unless it is spelled exactly as `seal` would write it. */
export function parseToken(token: string): ParsedToken | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const [version, kid, body, rest] = token.split(".", 4);
  if (version !== VERSION || kid === undefined || body === undefined || rest !== undefined) {
    return undefined;
  }
  const bytes = decodeBase64(body, "base64url");
  if (bytes === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  if (!KID.test(kid)) return undefined;
  return {
    kid,
    nonce: bytes.subarray(0, NONCE_BYTES),
    ciphertext: bytes.subarray(NONCE_BYTES, -TAG_BYTES),
    tag: bytes.subarray(-TAG_BYTES),
  };
}

/** The sealed bytes, or undefined if this key did not seal them for this purpose. */
export function unseal(token: ParsedToken, key: SessionKey, purpose: Purpose): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, sealingKey(key, purpose.name), token.nonce, OPTIONS);
  decipher.setAAD(additionalData(token.kid, purpose));
  decipher.setAuthTag(token.tag);
  // This is the whole plaintext: GCM is a stream mode, so `final` only checks the tag.
  const plaintext = decipher.update(token.ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

/**
 * A separate key for each name, because with random nonces one key may seal at most 2^32 tokens
 * (NIST SP 800-38D, 8.3).
 */
function sealingKey({ secret }: SessionKey, name: string): KeyObject {
  return derivedKey(secret, `phoenix sealed token ${VERSION} ${name}`);
}

function additionalData(kid: string, { name, environment, boundTo }: Purpose): Buffer {
  return Buffer.from(JSON.stringify([VERSION, kid, name, environment, boundTo ?? ""]));
}
