import type { JWTVerifyGetKey } from "jose";
import { messageOf } from "../contract/errors.ts";
import { once } from "../pure/once.ts";
import { printable } from "../pure/printable.ts";
import type { Seconds } from "../pure/seconds.ts";

/** Google's public keys for ID tokens. */
const CERTIFICATES = new URL("https://www.googleapis.com/oauth2/v3/certs");
/**
 * Both are valid:
 * https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload
 */
const ISSUERS = ["https://accounts.google.com", "accounts.google.com"];
/** Allowed clock skew in seconds. */
const CLOCK_TOLERANCE = 30;

type PushVerdict =
  | { readonly outcome: "genuine" }
  /** `unavailable`: Google's keys could not be read, so the token could not be verified. */
  | { readonly outcome: "refused" | "unavailable"; readonly reason: string };

/** Verifies the Authorization header of a push. */
export type VerifyPush = (authorization: string | undefined) => Promise<PushVerdict>;

interface PushTokenDeps {
  /** Expected `aud`. */
  readonly audience: string;
  /** Expected `email`: the service account that Pub/Sub pushes as. */
  readonly account: string;
  /** Default: Google's keys, which are fetched when needed and cached. */
  readonly keys?: JWTVerifyGetKey;
  readonly clock?: () => Seconds;
}

/**
 * Verifies the ID token of a Pub/Sub push. Cloud Run's IAM check does the same before; this one
 * still holds if the service is made public by mistake.
 * https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
 *
 * The library is loaded at the first push, to keep cold starts short.
 */
export function createPushTokenVerifier({
  audience,
  account,
  keys,
  clock = () => Date.now() / 1000,
}: PushTokenDeps): VerifyPush {
  const load = once(async () => {
    const jose = await import("jose");
    return { jose, keys: keys ?? jose.createRemoteJWKSet(CERTIFICATES) };
  });

  return async function verify(authorization): Promise<PushVerdict> {
    const [, token] = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(authorization ?? "") ?? [];
    if (token === undefined) return refused("the request has no bearer token");
    const { jose, keys } = await load();
    try {
      const { payload } = await jose.jwtVerify(token, keys, {
        audience,
        issuer: ISSUERS,
        algorithms: ["RS256"],
        requiredClaims: ["exp", "iat"],
        clockTolerance: CLOCK_TOLERANCE,
        currentDate: new Date(clock() * 1000),
      });
      if (payload.email !== account) return refused("the token is another account's");
      if (payload.email_verified !== true) return refused("the token's address is not verified");
      return { outcome: "genuine" };
    } catch (error) {
      const reason = printable(messageOf(error), 200);
      const aboutToken =
        error instanceof jose.errors.JOSEError && !KEYS_UNREADABLE.includes(error.code);
      return aboutToken ? refused(reason) : { outcome: "unavailable", reason };
    }
  };
}

/** The library's error codes if the keys can't be fetched. */
const KEYS_UNREADABLE = ["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"];

function refused(reason: string): PushVerdict {
  return { outcome: "refused", reason };
}
