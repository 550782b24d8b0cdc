import { comparableAddress } from "../contract/emailAddress.ts";

/** What a provider says about somebody's e-mail address. */
export interface ClaimedEmail {
  readonly email: string | undefined;
  readonly emailVerified: boolean;
  /** Whether the provider speaks for the address's domain: whoever leaves it loses the account. */
  readonly ofDomain: boolean;
}

export type Admission = "allowed" | "email_unverified" | "not_allowed";

/**
 * Whether somebody may sign in. An address that the provider has not verified belongs to anybody,
 * so it never counts, not even if everyone is let in. A domain means itself, not those under it,
 * and the accounts that are its own: an address at it, verified once, is kept by those who leave.
 */
export function admit(
  allowedUsers: readonly string[],
  { email, emailVerified, ofDomain }: ClaimedEmail,
): Admission {
  const address = comparableAddress(email ?? "");
  if (address === undefined || !emailVerified) return "email_unverified";
  if (allowedUsers.length === 0) return "allowed";
  const domain = address.slice(address.indexOf("@"));
  return allowedUsers.some((entry) => entry === address || (ofDomain && entry === domain))
    ? "allowed"
    : "not_allowed";
}
