/** Where one comes to after sign-in if nothing better is known: the start page leads on from there. */
export const DEFAULT_RETURN_TO = "/";

/** Longer paths are not worth their place in the sign-in's cookie. */
export const MAX_RETURN_TO_LENGTH = 512;

/** Stands for the service while a path is resolved. No real host is called so: RFC 6761, 6.4. */
const HERE = "http://here.invalid";

/** Printable ASCII without what some parser takes for a slash or cuts off. */
const PLAIN_PATH = /^\/[!-[\]-~]*$/;

/** Encoded characters that something behind could decode into a slash or the end of a line. */
const ENCODED_TRAP = /%(?:[01][\da-f]|7f|2f|5c)/i;

/** Coming back to these would sign in or out again, or say that nobody is signed in. */
const SIGN_IN_PATHS = /^\/(?:login|logout|signed-out)(?:\/|$)/i;

/**
 * The path of this service that a visitor asked to come back to, or the default. Whatever a
 * browser, a proxy or a later version of this service could take for another place is refused:
 * the value comes from a link that anybody may have written.
 */
export function parseReturnTo(value: unknown): string {
  if (typeof value !== "string" || value.length > MAX_RETURN_TO_LENGTH) return DEFAULT_RETURN_TO;
  if (!PLAIN_PATH.test(value)) return DEFAULT_RETURN_TO;
  const url = URL.parse(value, HERE);
  if (url === null || url.origin !== HERE) return DEFAULT_RETURN_TO;
  const { pathname } = url;
  if (pathname.startsWith("//") || ENCODED_TRAP.test(pathname) || SIGN_IN_PATHS.test(pathname)) {
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
