import type { Seconds } from "../pure/seconds.ts";
import { packToken, unpackToken } from "./packedToken.ts";
import type { Opened, Sealer } from "./sealer.ts";
import type { Credential } from "./session.ts";

/**
 * A credential is sealed as a list of its fields' values, because each request parses it: an object
 * takes twice as long, and a third more of the cookie. The ID token is attached, because few
 * requests use it.
 */
export function sealCredential(
  sealer: Sealer,
  cookieName: string,
  credential: Credential,
  idToken?: string,
): string {
  const { iat, exp, sid, user_id, user_email, csrf_token, iss, of_domain } = credential;
  const { provider_sid } = credential;
  const data = [sid, user_id, user_email, csrf_token, iss, of_domain, provider_sid];
  const attachment = idToken === undefined ? undefined : packToken(idToken);
  return sealer.seal(cookieName, { iat, exp, data }, "", attachment);
}

/**
 * The credential in a token's content; undefined if its fields are others, because another version
 * of the service sealed it.
 */
export function credentialIn(iat: Seconds, exp: Seconds, data: object): Credential | undefined {
  if (!Array.isArray(data) || data.length !== 7) return undefined;
  const [sid, user_id, user_email, csrf_token, iss, of_domain, provider_sid] = data;
  if (!isText(sid) || !isText(user_id) || !isText(csrf_token) || !isText(iss)) return undefined;
  // JSON has no undefined: it is null in a list.
  return {
    sid,
    iat,
    exp,
    user_id,
    user_email: user_email ?? undefined,
    csrf_token,
    iss,
    of_domain,
    provider_sid: provider_sid ?? undefined,
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** The ID token that is attached to a credential; undefined if it did not fit. */
export function idTokenIn(opened: Extract<Opened, { outcome: "ok" }>): string | undefined {
  const packed = opened.attachment();
  return packed === undefined ? undefined : unpackToken(packed);
}
