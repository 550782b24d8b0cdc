import { createSecretKey, hkdfSync } from "node:crypto";
import type { SessionKey, SessionKeys } from "./sessionKeys.ts";

/** Keys from values: `secret` signs, and `fallbacks` are only accepted. */
export function createStaticKeys(secret: string, fallbacks: readonly string[] = []): SessionKeys {
  const signer = staticKey(secret);
  const keys = new Map([...fallbacks.map(staticKey), signer].map((key) => [key.kid, key]));
  return {
    refresh: () => undefined,
    find(kid) {
      const key = keys.get(kid);
      return key === undefined ? { status: "unknown" } : { status: "found", key };
    },
    signer: () => signer,
    readiness: () => ({ ready: true }),
  };
}

/** A key whose ID is a fingerprint of its secret, so that all instances agree. */
function staticKey(value: string): SessionKey {
  const secret = createSecretKey(Buffer.from(value));
  const fingerprint = hkdfSync("sha256", secret, "", "phoenix key fingerprint v1", 6);
  return { kid: Buffer.from(fingerprint).toString("base64url"), secret };
}
