import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { asObject } from "../pure/json.ts";
import type { Seconds } from "../pure/seconds.ts";

/** A verified logout token: which sessions ended, and when. */
export interface LogoutToken {
  readonly issuer: string;
  readonly iat: Seconds;
  /** The session at the provider, or the user whose sessions have all ended. */
  readonly ended: { readonly sid: string } | { readonly subject: string };
}

export interface LogoutTokenDeps {
  readonly keys: JWTVerifyGetKey;
  readonly issuer: string;
  readonly clientId: string;
  readonly algorithms: string[];
  /** Whether the provider's ID tokens have a `sid`, so that a logout token's `sid` is known. */
  readonly namesSessions: boolean;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

const EVENT = "http://schemas.openid.net/event/backchannel-logout";

/** Errors about the token; others are about the provider's keys. */
const ABOUT_TOKEN =
  /^ERR_(JWT_|JWS_|JOSE_ALG_NOT_ALLOWED|JOSE_NOT_SUPPORTED|JWKS_NO_MATCHING|JWKS_MULTIPLE)/;

/** Allowed skew of the provider's clock in seconds. */
const CLOCK_TOLERANCE: Seconds = 30;

/** Maximum length of a session's or a token's ID. */
const MAX_LENGTH = 255;

/**
 * Checks a logout token: https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
 *
 * @returns the token, or what is wrong with it.
 * @throws whatever keeps the provider's keys from being read.
 */
export async function verifyLogoutToken(
  token: string,
  { keys, issuer, clientId, algorithms, namesSessions, clock }: LogoutTokenDeps,
): Promise<LogoutToken | string> {
  let claims: JWTPayload;
  try {
    const verified = await jwtVerify(token, keys, {
      issuer,
      audience: clientId,
      algorithms,
      typ: "logout+jwt",
      requiredClaims: ["iat", "exp", "jti"],
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: new Date(clock() * 1000),
    });
    claims = verified.payload;
  } catch (error) {
    if (error instanceof errors.JOSEError && ABOUT_TOKEN.test(error.code)) return error.message;
    throw error;
  }
  const { iat, jti, sub, sid, events, nonce } = claims;
  if (iat === undefined || iat > clock() + CLOCK_TOLERANCE) return '"iat" is in the future';
  if (asObject(asObject(events)?.[EVENT]) === undefined) return '"events" names no logout';
  if (nonce !== undefined) return '"nonce" is there, which is an ID token\'s';
  if (!isName(jti)) return '"jti" is no text';
  const subject = isName(sub) ? { subject: sub } : undefined;
  const session = isName(sid) ? { sid } : undefined;
  const ended = namesSessions || subject === undefined ? (session ?? subject) : subject;
  if (ended === undefined) return 'it has neither "sub" nor "sid"';
  return { issuer, iat, ended };
}

/** Whether a claim can name a session or a token. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH;
}
