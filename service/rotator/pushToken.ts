import type { JWTVerifyGetKey } from "jose";
import { messageOf } from "../contract/errors.ts";
import { once } from "../pure/once.ts";
import { printable } from "../pure/printable.ts";

/** Where Google publishes the keys that it signs ID tokens with. */
const CERTIFICATES = new URL("https://www.googleapis.com/oauth2/v3/certs");
/** Google's names for itself: https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload */
const ISSUERS = ["https://accounts.google.com", "accounts.google.com"];
/** Seconds by which clocks may differ. */
const CLOCK_TOLERANCE = 30;

export type PushVerdict =
  | { readonly genuine: true }
  | {
      readonly genuine: false;
      /** `unavailable`: Google's keys could not be read, so that nothing is known of the token. */
      readonly outcome: "refused" | "unavailable";
      /** For the log. */
      readonly reason: string;
    };

/** Judges the header Authorization of a push. Never rejects. */
export type VerifyPush = (authorization: string | undefined) => Promise<PushVerdict>;

export interface PushTokenDeps {
  /** What the subscription asks its tokens to be for. */
  readonly audience: string;
  /** E-mail address of the account that the subscription pushes as. */
  readonly account: string;
  /** Default: Google's, fetched once and cached. */
  readonly keys?: JWTVerifyGetKey;
  /** Unix time in seconds. */
  readonly clock?: () => number;
}

/**
 * Verifies that a push comes from the subscription: Pub/Sub signs a token for it. Cloud Run checks
 * the same before a request gets here; this holds too if somebody opens the service by mistake.
 * https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
 *
 * The library is loaded with the first push, not at the start.
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
    if (token === undefined) return refused("there is no token");
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
      if (payload.email !== account) return refused("it is another account's");
      if (payload.email_verified !== true) return refused("its address is not verified");
      return { genuine: true };
    } catch (error) {
      const reason = printable(messageOf(error), 200);
      const aboutToken =
        error instanceof jose.errors.JOSEError && !KEYS_UNREADABLE.includes(error.code);
      return aboutToken ? refused(reason) : { genuine: false, outcome: "unavailable", reason };
    }
  };
}

/** The library's codes for keys that could not be fetched. */
const KEYS_UNREADABLE = ["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"];

function refused(reason: string): PushVerdict {
  return { genuine: false, outcome: "refused", reason };
}
