import { generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { JWKS } from "oidc-provider";

/** A new key pair for signing ID tokens: RS256, as most providers use. */
export async function generateJwks(): Promise<JWKS> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const kid = randomBytes(20).toString("hex");
  return { keys: [{ ...privateKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" }] };
}
