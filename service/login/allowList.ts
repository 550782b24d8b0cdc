import type { Problem } from "../contract/errors.ts";
import type { Parsed } from "../contract/settings.ts";

/** What a provider says about somebody's e-mail address. */
export interface ClaimedEmail {
  readonly email: string | undefined;
  readonly emailVerified: boolean;
  /** Whether the provider speaks for the address's domain: whoever leaves it loses the account. */
  readonly ofDomain: boolean;
}

export type Admission = "allowed" | "email_unverified" | "not_allowed";

/** One `@` with something on both sides, and nothing that could be read in two ways. */
const EMAIL = /^[^\s@,"\p{Cc}]+@[^\s@,"\p{Cc}]+$/u;
const DOMAIN = /^@[^\s@,"\p{Cc}]+$/u;

/** Comma-separated e-mail addresses and @domains; none means everyone with a verified address. */
export function parseAllowedUsers(text: string): Parsed<string[]> {
  const entries = text
    .split(",")
    .map((entry) => lowerCase(entry.trim()))
    .filter((entry) => entry !== "");
  const problems: Problem[] = entries
    .filter((entry) => !EMAIL.test(entry) && !DOMAIN.test(entry))
    .map((entry) => ({
      setting: "ALLOWED_USERS",
      cause: `has the entry ${JSON.stringify(entry)}, which is neither an e-mail address nor a domain`,
      remedy: "Write addresses as ada@example.com and domains as @example.com, with commas between",
    }));
  return problems.length > 0 ? { problems } : { value: entries };
}

/**
 * Whether somebody may sign in. An address that the provider has not verified belongs to anybody,
 * so it never counts, not even if everyone is let in. A domain means itself, not those under it,
 * and the accounts that are its own: an address at it, verified once, is kept by those who leave.
 */
export function admit(
  allowedUsers: readonly string[],
  { email, emailVerified, ofDomain }: ClaimedEmail,
): Admission {
  if (email === undefined || !emailVerified || !EMAIL.test(email)) return "email_unverified";
  if (allowedUsers.length === 0) return "allowed";
  const address = lowerCase(email);
  const domain = address.slice(address.indexOf("@"));
  return allowedUsers.some((entry) => entry === address || (ofDomain && entry === domain))
    ? "allowed"
    : "not_allowed";
}

/** Only A to Z: full case folding makes different addresses alike, such as K and the Kelvin sign. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
