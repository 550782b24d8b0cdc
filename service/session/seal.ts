import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import type { SessionKey } from "../keys/sessionKeys.ts";
import { decodeBase64 } from "../pure/base64.ts";
import { derivedKey } from "./derivedKey.ts";

/**
 * A sealed token is `v1.<kid>.<base64url(nonce ‖ ciphertext ‖ tag)>`: AES-256-GCM under a key that
 * HKDF-SHA256 (RFC 5869) derives from the secret's payload. The additional data binds the format's
 * version, the key's id, the token's name, the environment, and for a session's data the session.
 *
 * An attachment follows after another dot. It is sealed likewise, and its text is additional data
 * of what comes before it: opening the token authenticates all of it, and decrypts the attachment
 * only when it is used.
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

/** One of the service's keys, for one purpose: a token that was sealed for another doesn't open. */
export interface SealingKey {
  readonly kid: string;
  readonly body: KeyObject;
  readonly attachment: KeyObject;
  /** The part of the additional data that all tokens of this key have. */
  readonly additionalData: string;
}

/** A token's parts, not yet authenticated. */
export interface ParsedToken {
  readonly kid: string;
  readonly body: Buffer;
  /** Base64url; empty if there is none. */
  readonly attachment: string;
}

/**
 * Derives a separate key for each name, because with random nonces one key may seal at most 2^32
 * tokens (NIST SP 800-38D, 8.3).
 * @param name for the credential its cookie's name; for data the prefix of its cookie's name.
 */
export function sealingKey(key: SessionKey, name: string, environment: string): SealingKey {
  const { kid, secret } = key;
  return {
    kid,
    body: derivedKey(secret, `phoenix sealed token ${VERSION} ${name}`),
    attachment: derivedKey(secret, `phoenix sealed attachment ${VERSION} ${name}`),
    additionalData: JSON.stringify([VERSION, kid, name, environment]),
  };
}

/**
 * Seals bytes.
 * @param boundTo what else the token belongs to, such as a session's id.
 * @param random returns that many random bytes: a nonce must never be reused with the same key.
 */
export function seal(
  plaintext: Buffer,
  attachment: Buffer | undefined,
  key: SealingKey,
  boundTo: string,
  random: (bytes: number) => Uint8Array,
): string {
  const bound = key.additionalData + JSON.stringify(boundTo);
  const attached = attachment && encrypt(attachment, key.attachment, bound, random(NONCE_BYTES));
  const body = encrypt(plaintext, key.body, bound + (attached ?? ""), random(NONCE_BYTES));
  return [VERSION, key.kid, body, ...(attached === undefined ? [] : [attached])].join(".");
}

/** Parses a token; undefined unless it is spelled exactly as `seal` would write it. */
export function parseToken(token: string): ParsedToken | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const [version, kid, text, attachment, rest] = token.split(".", 5);
  if (version !== VERSION || kid === undefined || text === undefined) return undefined;
  if (attachment === "" || rest !== undefined || !KID.test(kid)) return undefined;
  const body = decodeBase64(text, "base64url");
  if (body === undefined || body.length < NONCE_BYTES + TAG_BYTES) return undefined;
  return { kid, body, attachment: attachment ?? "" };
}

/** The sealed bytes, or undefined if this key did not seal this token and its attachment. */
export function unseal(token: ParsedToken, key: SealingKey, boundTo: string): Buffer | undefined {
  const { body, attachment } = token;
  return decrypt(body, key.body, key.additionalData + JSON.stringify(boundTo) + attachment);
}

/** The attachment's bytes; undefined if there is none. The token must have been unsealed before. */
export function unsealAttachment(
  { attachment }: ParsedToken,
  key: SealingKey,
  boundTo: string,
): Buffer | undefined {
  if (attachment === "") return undefined;
  const sealed = Buffer.from(attachment, "base64url");
  return decrypt(sealed, key.attachment, key.additionalData + JSON.stringify(boundTo));
}

function encrypt(
  plaintext: Buffer,
  key: KeyObject,
  additionalData: string,
  nonce: Uint8Array,
): string {
  const cipher = createCipheriv(CIPHER, key, nonce, OPTIONS);
  cipher.setAAD(Buffer.from(additionalData));
  const sealed = [nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(sealed).toString("base64url");
}

function decrypt(sealed: Buffer, key: KeyObject, additionalData: string): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), OPTIONS);
  decipher.setAAD(Buffer.from(additionalData));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  // This is the whole plaintext: GCM is a stream mode, so `final` only checks the tag.
  const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}
