import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";

const KEY_BYTES = 32;

const derivedKeys = new WeakMap<KeyObject, Map<string, KeyObject>>();

/** The key that HKDF-SHA256 (RFC 5869) derives from a secret; cached for each secret and `info`. */
export function derivedKey(secret: KeyObject, info: string): KeyObject {
  const keys = derivedKeys.get(secret) ?? new Map<string, KeyObject>();
  derivedKeys.set(secret, keys);
  let key = keys.get(info);
  if (key === undefined) {
    key = createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", info, KEY_BYTES)));
    keys.set(info, key);
  }
  return key;
}
