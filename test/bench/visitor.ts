import { createHash } from "node:crypto";
import { application } from "../../service/application.ts";
import { createStaticKeys } from "../../service/keys/static.ts";
import { sessionCookie } from "../../service/session/cookie.ts";
import { keepCookie } from "../../service/session/cookieFormat.ts";
import { sealCredential } from "../../service/session/credential.ts";
import { createSealer } from "../../service/session/sealer.ts";
import type { Credential } from "../../service/session/session.ts";

/** The secret of every server in the benchmark. */
export const SECRET = "bench bench bench bench bench bench bench bench";

/** The path of every request. */
export const PATH = application.api;

/**
 * A visitor's deterministic session: what the service keeps after a sign-in, with an ID token of
 * about 1 kB, most of which is random like a signature.
 */
export function visitorSession(
  visitor: number,
): Omit<Credential, "iat" | "exp"> & { id_token: string } {
  const subject = String(100_000_000_000_000_000_000n + BigInt(visitor));
  const email = `visitor.${visitor}@example.com`;
  const claims = {
    iss: "https://accounts.google.com",
    azp: "407408718192-bench.apps.googleusercontent.com",
    aud: "407408718192-bench.apps.googleusercontent.com",
    sub: subject,
    email,
    email_verified: true,
    at_hash: noise(`at ${visitor}`, 16),
    nonce: noise(`nonce ${visitor}`, 32),
    name: `Visitor ${visitor}`,
    picture: `https://lh3.googleusercontent.com/a/${noise(`picture ${visitor}`, 32)}=s96-c`,
    iat: 1_760_000_000,
    exp: 1_760_003_600,
  };
  const head = { alg: "RS256", kid: noise("kid", 30), typ: "JWT" };
  return {
    sid: noise(`sid ${visitor}`, 16),
    user_id: subject,
    user_email: email,
    iss: claims.iss,
    of_domain: true,
    csrf_token: noise(`csrf ${visitor}`, 32),
    id_token: [encode(head), encode(claims), noise(`signature ${visitor}`, 256)].join("."),
  };
}

/** Creates the service's Cookie header for a visitor, as its own sign-in would set it. */
export function createPhoenixCookies(): (visitor: number) => string {
  const clock = () => Math.floor(Date.now() / 1000);
  const cookie = sessionCookie(false);
  const sealer = createSealer({ keys: createStaticKeys(SECRET), environment: "local", clock });
  return (visitor) => {
    const now = clock();
    const { id_token, ...data } = visitorSession(visitor);
    const credential = { ...data, iat: now, exp: now + 604_800 };
    const token = sealCredential(sealer, cookie.name, credential, id_token);
    const header = keepCookie(cookie, token, 604_800);
    return header.slice(0, header.indexOf(";"));
  };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/** Pseudo-random bytes in base64url, by a seed. */
function noise(seed: string, bytes: number): string {
  return createHash("shake256", { outputLength: bytes }).update(seed).digest("base64url");
}
