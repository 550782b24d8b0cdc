import { domainClaimOf } from "../contract/domainTrust.ts";
import { domainOf } from "../contract/emailAddress.ts";
import type { ClaimedEmail, EmailVerdict } from "./allowList.ts";

/** Unvalidated claims of an ID token or of the userinfo endpoint. */
export type Claims = Readonly<Record<string, unknown>>;

export interface EmailDeps {
  readonly issuer: URL;
  /** Domains whose addresses the provider gives to the domain's own accounts only, in ASCII. */
  readonly trustedDomains: readonly string[];
  /** Reads the userinfo endpoint; undefined if the provider has none. */
  readonly userinfo: () => Promise<Claims | undefined>;
}

/**
 * What the provider says about the user's e-mail address. Some leave the address or the verdict on
 * it out of the ID token: then the userinfo endpoint is asked.
 */
export async function emailOf(
  token: Claims,
  { issuer, trustedDomains, userinfo }: EmailDeps,
): Promise<ClaimedEmail> {
  let claims = token;
  if (addressIn(claims) === undefined || verdictIn(claims) === "unstated") {
    const more = (await userinfo()) ?? {};
    // A verdict is about the address beside it. Where userinfo names none, the token's is the only one.
    claims = addressIn(more) === undefined ? { ...token, ...more, email: token.email } : more;
  }
  const email = addressIn(claims);
  if (email === undefined) return { email, verdict: "unstated", ofDomain: false };
  const ofDomain =
    isHosted(email, claims, issuer) || trustedDomains.includes(domainOf(email) ?? "");
  return { email, verdict: verdictIn(claims), ofDomain };
}

/** Longer ones don't exist, and go into the session's cookie: RFC 5321, 4.5.3.1. */
const MAX_EMAIL_LENGTH = 320;

function addressIn({ email }: Claims): string | undefined {
  const possible = typeof email === "string" && email !== "" && email.length <= MAX_EMAIL_LENGTH;
  return possible ? email : undefined;
}

/**
 * Cognito and Apple write `email_verified` as text. Microsoft leaves it out, and says by `xms_edov`
 * whether the owner of the address's domain is verified.
 */
function verdictIn(claims: Claims): EmailVerdict {
  const said = claims.email_verified ?? claims.xms_edov;
  // An object's text can be "true" too, such as that of [true].
  const text = typeof said === "object" ? "" : String(said).toLowerCase();
  if (text === "true" || (text === "1" && lacksVerdict(claims))) return "verified";
  if (text === "false" || (text === "0" && lacksVerdict(claims))) return "unverified";
  return "unstated";
}

/** Some providers write null for a claim that they leave out. */
function lacksVerdict({ email_verified }: Claims): boolean {
  return (email_verified ?? undefined) === undefined;
}

/** Whether the provider's claims say that the account belongs to its address's domain. */
function isHosted(email: string, claims: Claims, issuer: URL): boolean {
  switch (domainClaimOf(issuer)) {
    case "each":
      return true;
    case "hd":
      return (typeof claims.hd === "string" && claims.hd !== "") || /@gmail\.com$/i.test(email);
    case "xms_edov":
      return lacksVerdict(claims) && verdictIn(claims) === "verified";
    default:
      return false;
  }
}
