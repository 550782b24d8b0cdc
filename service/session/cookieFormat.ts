import cookieSession from "cookie-session";
import { decodeBase64 } from "../pure/base64.ts";
import { type CookieName, cookieAttributes } from "./cookie.ts";

/**
 * cookie-session's format: base64 of `{"sealed":"TOKEN"}`. cookie-session writes it. We parse it
 * ourselves, because running cookie-session on each request costs more than the rest of a session.
 */
const HEAD = '{"sealed":"';
const TAIL = '"}';

/** The token in a cookie's value; undefined if cookie-session could not have written the value. */
export function tokenIn(value: string): string | undefined {
  const json = decodeBase64(value, "base64")?.toString("latin1");
  if (json === undefined || !json.startsWith(HEAD) || !json.endsWith(TAIL)) return undefined;
  // A token has no character that JSON escapes. Anything else is malformed when it is opened.
  return json.slice(HEAD.length, -TAIL.length);
}

/** The Set-Cookie header that stores a token for `maxAge` seconds. */
export function keepCookie(cookie: CookieName, token: string, maxAge: number): string {
  return write(cookie, { sealed: token }, maxAge);
}

/** The Set-Cookie header that removes a cookie. */
export function clearCookie(cookie: CookieName): string {
  return write(cookie, null, 0);
}

interface WrittenRequest {
  session?: object | null;
  sessionOptions?: { maxAge?: number };
}

/**
 * Runs cookie-session on a request and a response made for it, because it swallows errors when it
 * writes. cookie-session sets only `expires`; `max-age` is also right where the browser's clock is
 * wrong.
 */
function write({ name, secure }: CookieName, session: object | null, maxAge: number): string {
  const request: WrittenRequest & object = Object.assign(Object.create(null), {
    headers: {},
    protocol: secure ? "https" : "http",
    socket: {},
  });
  const response = new WrittenResponse();
  cookieSession({ name, signed: false, ...cookieAttributes(secure) })(request, response, () => {});
  request.session = session;
  if (request.sessionOptions) request.sessionOptions.maxAge = maxAge * 1000;
  response.writeHead();
  return `${response.setCookie()}; max-age=${maxAge}`;
}

/** The part of a response that cookie-session uses, which sets the cookie on `writeHead`. */
class WrittenResponse {
  #setCookie: string | undefined;

  getHeader(): undefined {}

  setHeader(_name: string, values: readonly string[]): void {
    this.#setCookie = values[0];
  }

  writeHead(): void {}

  /** @throws Error if cookie-session wrote nothing; only its debug output has the reason. */
  setCookie(): string {
    if (this.#setCookie === undefined) throw new Error("cookie-session did not write the cookie.");
    return this.#setCookie;
  }
}
