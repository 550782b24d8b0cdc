import cookieSession from "cookie-session";
import { decodeBase64 } from "../pure/base64.ts";
import { type CookieName, cookieAttributes } from "./cookie.ts";

/**
 * The format of cookie-session: base64 of `{"sealed":"TOKEN"}`. It is written by cookie-session and
 * read directly, because running cookie-session for one known field costs more than all the rest
 * of a session.
 */
const HEAD = '{"sealed":"';
const TAIL = '"}';

/** The token in a cookie's value; undefined if cookie-session would not have written the value. */
export function tokenIn(value: string): string | undefined {
  const json = decodeBase64(value, "base64")?.toString("latin1");
  if (json === undefined || !json.startsWith(HEAD) || !json.endsWith(TAIL)) return undefined;
  // There is nothing in a token that JSON would escape; whether it is one is seen when it is opened.
  return json.slice(HEAD.length, -TAIL.length);
}

/** The Set-Cookie header that keeps a token for `maxAge` seconds. */
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
 * Runs cookie-session on a request and a response of its own: it swallows what goes wrong when it
 * writes, and sets `expires` alone, by the server's clock; `max-age` holds for a browser whose clock
 * is off.
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

/** The part of a response that cookie-session uses; calling `writeHead` makes it write. */
class WrittenResponse {
  #setCookie: string | undefined;

  getHeader(): undefined {}

  setHeader(_name: string, values: readonly string[]): void {
    this.#setCookie = values[0];
  }

  writeHead(): void {}

  /** @throws Error if cookie-session wrote nothing; why, only its debug output would tell. */
  setCookie(): string {
    if (this.#setCookie === undefined) throw new Error("cookie-session did not write the cookie.");
    return this.#setCookie;
  }
}
