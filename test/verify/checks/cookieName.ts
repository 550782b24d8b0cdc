import { isSkipped, type Observations } from "../observations.ts";
import { settingDeployed } from "../remedies.ts";
import type { Finding } from "./check.ts";

/** The name of the session's cookie, as the site sets it; undefined if nothing was set. */
export function cookieNameNow({ session, signIn, login }: Observations): string | undefined {
  if (signIn.outcome === "signed_in") return signIn.cookie.name;
  const rewritten = isSkipped(session) ? undefined : session.cookies[0]?.name;
  if (rewritten !== undefined) return rewritten;
  const [transaction] = login.setCookies;
  return transaction && (transaction.name.startsWith("__Host-") ? "__Host-session" : "session");
}

/** Why a cookie of another name is set now. */
export function renamed(before: string, now: string): Finding {
  return {
    cause: `SESSION_COOKIE_SECURE changed the cookie's name from ${before} to ${now}, so nobody's cookie is looked at any more.`,
    remedy:
      "Everyone signs in once more. Where that was not meant, set it back: " +
      `${settingDeployed("sessionCookieSecure", before.startsWith("__Host-"))}.`,
  };
}
