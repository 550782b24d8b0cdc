import { domainToASCII, domainToUnicode } from "node:url";

/** Exactly one `@`, and no character that could make the address ambiguous. */
const ADDRESS = /^([^\s@,"\p{Cc}]+)@([^\s@,"\p{Cc}]+)$/u;

const LABEL = "[a-z\\d](?:[a-z\\d-]{0,61}[a-z\\d])?";
/** At least two labels, and the last one is not numeric: RFC 1123, 2.1. */
const DOMAIN = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);

/**
 * Normalizes an e-mail address for comparison: A to Z in lower case, NFC, the domain in ASCII
 * (`ada@müller.example` becomes `ada@xn--mller-kva.example`). Undefined if it is not an address.
 */
export function comparableAddress(text: string): string | undefined {
  const [, local, domain] = ADDRESS.exec(text) ?? [];
  if (local === undefined || domain === undefined) return undefined;
  return `${lowerCase(local).normalize("NFC")}@${comparableDomain(domain)}`;
}

/**
 * Normalizes an entry of a list of users: `ada@example.com`, or `@example.com` for a domain.
 * Undefined if it is neither, or if its domain could not exist in DNS.
 */
export function parseUser(entry: string): string | undefined {
  const wholeDomain = entry.startsWith("@");
  const address = comparableAddress(wholeDomain ? `any${entry}` : entry);
  const domain = address?.slice(address.indexOf("@") + 1);
  if (address === undefined || domain === undefined || !DOMAIN.test(domain)) return undefined;
  return wholeDomain ? `@${domain}` : address;
}

/** Whether the text is an e-mail address whose domain could exist in DNS. */
export function isEmailAddress(text: string): boolean {
  return !text.startsWith("@") && parseUser(text) !== undefined;
}

/** Letters whose lower case isn't another letter's, as it is of the Kelvin sign and the dotted I. */
const UPPER_CASE = /[A-Z]|[^\p{ASCII}\u0130\u212a]/gu;

/**
 * Maps a Unicode domain to ASCII only if the mapping is reversible. IDNA also maps lookalikes, such
 * as the Kelvin sign to k; those stay different here.
 */
function comparableDomain(domain: string): string {
  const lower = domain.replace(UPPER_CASE, (letter) => letter.toLowerCase()).normalize("NFC");
  const ascii = domainToASCII(lower);
  return domainToUnicode(ascii) === lower ? ascii : lower;
}

/** A to Z only, because full case folding would make different addresses equal. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The normalized domain of an address; undefined if the text is not an address. */
export function domainOf(text: string): string | undefined {
  return comparableAddress(text)?.replace(/^.*@/s, "");
}
