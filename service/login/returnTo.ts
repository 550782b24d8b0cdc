/** Default path after sign-in. The start page redirects to the application. */
export const DEFAULT_RETURN_TO = "/";

/** Bounds the cookie of a sign-in. */
export const MAX_RETURN_TO_LENGTH = 512;

/** Base for resolving a path. `.invalid` is the name of no real host: RFC 6761, 6.4. */
const BASE = "http://base.invalid";

/** Printable ASCII without the backslash, which some parsers take for a slash. */
const PLAIN_PATH = /^\/[!-[\]-~]*$/;

/** Escapes that a later decoding would turn into a slash, a backslash or a control character. */
const UNSAFE_ESCAPE = /%(?:[01][\da-f]|7f|2f|5c)/i;

/** Returning to these would sign in or out again, or show that nobody is signed in. */
const SIGN_IN_PATHS = /^\/(?:login|logout|signed-out)(?:\/|$)/i;

/**
 * The path of this service that a visitor asked to come back to, or the default. The value comes
 * from a link that anybody may have written, so whatever a browser, a proxy or a later version of
 * this service could take for another host or path is refused.
 */
export function parseReturnTo(value: unknown): string {
  if (typeof value !== "string" || value.length > MAX_RETURN_TO_LENGTH) return DEFAULT_RETURN_TO;
  if (!PLAIN_PATH.test(value)) return DEFAULT_RETURN_TO;
  const url = URL.parse(value, BASE);
  if (url === null || url.origin !== BASE) return DEFAULT_RETURN_TO;
  const { pathname } = url;
  if (pathname.startsWith("//") || UNSAFE_ESCAPE.test(pathname) || SIGN_IN_PATHS.test(pathname)) {
    return DEFAULT_RETURN_TO;
  }
  const path = `${pathname}${url.search}${url.hash}`;
  return path.length > MAX_RETURN_TO_LENGTH ? DEFAULT_RETURN_TO : path;
}

export interface SignInLinkOptions {
  /** Whether a provider that remembers the user asks which account to use. */
  readonly otherAccount?: boolean;
}

/** A link to sign-in that comes back to a path. */
export function signInLink(
  returnTo: string,
  { otherAccount = false }: SignInLinkOptions = {},
): string {
  const query = new URLSearchParams({
    returnTo,
    ...(otherAccount && { prompt: "select_account" }),
  });
  return `/login?${query}`;
}
