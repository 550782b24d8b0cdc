import { createHmac, timingSafeEqual } from "node:crypto";
import type { SessionKey } from "../keys/sessionKeys.ts";
import { derivedKey } from "./derivedKey.ts";
import { KID } from "./seal.ts";

/**
 * A signature is `v1.<kid>.<base64url(HMAC-SHA256)>`, with a key that is derived for signing under
 * one name. It covers the text, the format's version, the key's id, the name and the environment.
 */
const VERSION = "v1";

/** What a signature is for. One that was made for another purpose doesn't count. */
export interface Purpose {
  readonly name: string;
  readonly environment: string;
}

export interface ParsedSignature {
  readonly kid: string;
  readonly mac: string;
}

export function sign(text: string, key: SessionKey, purpose: Purpose): string {
  return `${VERSION}.${key.kid}.${macOf(text, key, purpose).toString("base64url")}`;
}

/** Parses a signature; undefined if it is malformed. */
export function parseSignature(signature: string): ParsedSignature | undefined {
  const [version, kid, mac, rest] = signature.split(".", 4);
  if (version !== VERSION || kid === undefined || mac === undefined || rest !== undefined) {
    return undefined;
  }
  return KID.test(kid) && /^[\w-]{43}$/.test(mac) ? { kid, mac } : undefined;
}

export function isSignatureOf(
  text: string,
  { mac }: ParsedSignature,
  key: SessionKey,
  purpose: Purpose,
): boolean {
  const expected = macOf(text, key, purpose).toString("base64url");
  return timingSafeEqual(Buffer.from(expected), Buffer.from(mac));
}

function macOf(text: string, { kid, secret }: SessionKey, { name, environment }: Purpose): Buffer {
  const key = derivedKey(secret, `phoenix signature ${VERSION} ${name}`);
  return createHmac("sha256", key)
    .update(JSON.stringify([VERSION, kid, name, environment, text]))
    .digest();
}
