import { comparableAddress, domainOf } from "../contract/emailAddress.ts";

/** The provider's statement about an address: verified, not verified, or none. */
export type EmailVerdict = "verified" | "unverified" | "unstated";

/** A user's e-mail address and the provider's statements about it. */
export interface ClaimedEmail {
  readonly email: string | undefined;
  readonly verdict: EmailVerdict;
  /** Whether the account belongs to the address's domain: whoever leaves the domain loses it. */
  readonly ofDomain: boolean;
}

export type Admission =
  | "allowed"
  | "email_missing"
  | "email_unverified"
  | "email_unstated"
  | "not_allowed";

/**
 * Whether somebody may sign in. An address that the provider has not verified belongs to anybody,
 * so it never counts, not even if everyone is let in. A domain means itself, not those under it,
 * and the accounts that are its own: an address at it, verified once, is kept by those who leave.
 *
 * @param allowedUsers as `parseUser` makes them; empty: everyone
 */
export function admit(
  allowedUsers: readonly string[],
  { email = "", verdict, ofDomain }: ClaimedEmail,
): Admission {
  const address = comparableAddress(email);
  if (address === undefined) return "email_missing";
  if (verdict !== "verified") return `email_${verdict}`;
  if (allowedUsers.length === 0) return "allowed";
  return allowedUsers.includes(address) ||
    (ofDomain && allowedUsers.includes(`@${domainOf(email)}`))
    ? "allowed"
    : "not_allowed";
}
