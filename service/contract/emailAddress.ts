import { domainToASCII, domainToUnicode } from "node:url";

/** One `@` with something on both sides, and nothing that could be read in two ways. */
const ADDRESS = /^([^\s@,"\p{Cc}]+)@([^\s@,"\p{Cc}]+)$/u;

const LABEL = "[a-z\\d](?:[a-z\\d-]{0,61}[a-z\\d])?";
/** Two labels at least, the last of which is no number: RFC 1123, 2.1. */
const DOMAIN = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);

/**
 * An e-mail address in the form in which two are compared: A to Z in lower case, the domain in
 * ASCII (`ada@müller.example` is `ada@xn--mller-kva.example`). Undefined if it is none.
 */
export function comparableAddress(text: string): string | undefined {
  const [, local, domain] = ADDRESS.exec(text) ?? [];
  if (local === undefined || domain === undefined) return undefined;
  return `${lowerCase(local)}@${comparableDomain(domain)}`;
}

/**
 * An entry of a list of users in the form in which it is compared: `ada@example.com`, or
 * `@example.com` for a domain. Undefined if it is neither, or if no mail could ever get there.
 */
export function parseUser(entry: string): string | undefined {
  const wholeDomain = entry.startsWith("@");
  const address = comparableAddress(wholeDomain ? `any${entry}` : entry);
  const domain = address?.slice(address.indexOf("@") + 1);
  if (address === undefined || domain === undefined || !DOMAIN.test(domain)) return undefined;
  return wholeDomain ? `@${domain}` : address;
}

/** Whether somebody could get mail there. */
export function isEmailAddress(text: string): boolean {
  return !text.startsWith("@") && parseUser(text) !== undefined;
}

/**
 * Maps a Unicode domain to its ASCII form only if the mapping leads back: IDNA also maps letters
 * that merely look alike, such as the Kelvin sign to k, and those stay different here.
 */
function comparableDomain(domain: string): string {
  const lower = lowerCase(domain).normalize("NFC");
  const ascii = domainToASCII(lower);
  return domainToUnicode(ascii) === lower ? ascii : lower;
}

/** Only A to Z: full case folding makes different addresses alike. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The domain of an address, in the form in which two are compared; undefined if it is no address. */
export function domainOf(text: string): string | undefined {
  return comparableAddress(text)?.replace(/^.*@/s, "");
}
