import type { Credential } from "../session/session.ts";
import { admit, type ClaimedEmail } from "./allowList.ts";
import type { SignInSettings } from "./settings.ts";

/**
 * Whether whoever is signed in could sign in now: by the list of allowed users and by the provider.
 * So a person who is taken off the list is out with the next revision.
 */
export function createAdmission({
  oidc,
  allowedUsers,
}: SignInSettings): (credential: Credential) => boolean {
  const issuer = oidc?.issuer.href;
  /** Accepts the issuer with and without a final slash: the users are the same. */
  const issuers = new Set(issuer === undefined ? [] : [issuer, issuer.replace(/\/$/, "")]);

  return function stillAdmitted({ iss, user_email, of_domain }) {
    if (oidc !== undefined && !issuers.has(iss)) return false;
    if (allowedUsers.length === 0) return true;
    // The address was verified at sign-in.
    const claimed: ClaimedEmail = { email: user_email, verdict: "verified", ofDomain: of_domain };
    return admit(allowedUsers, claimed) === "allowed";
  };
}
