import cookieSession from "cookie-session";
import type { Request } from "express";
import {
  cookieValue,
  InsecureTransportError,
  MAX_COOKIE_BYTES,
  type SessionCookie,
} from "./cookie.ts";

/** What a request's cookie is: a token to open, something else, or not there. */
export type CarriedCookie =
  | { readonly status: "none" }
  | { readonly status: "malformed" }
  | { readonly status: "token"; readonly token: string };

/** Reads and writes the session's cookie. */
export interface Carrier {
  read(req: Request): CarriedCookie;
  /**
   * The value of a Set-Cookie header that keeps a token for `maxAge` seconds.
   * @throws InsecureTransportError if the cookie may not be sent on this request's connection.
   */
  keep(req: Request, token: string, maxAge: number): string;
  /** The value of a Set-Cookie header that removes the cookie; throws as `keep` does. */
  clear(req: Request): string;
}

/** The object that cookie-session carries. */
interface Carried {
  sealed?: unknown;
}

/** The part of a request that cookie-session uses, and what it adds. */
interface CarriedRequest {
  readonly headers: { readonly cookie?: string | undefined };
  readonly protocol: string;
  readonly socket: Request["socket"];
  session?: Carried | null;
  sessionOptions?: { maxAge?: number };
}

/**
 * cookie-session with one field, the sealed token, run beside the request instead of on it:
 * - it defines an accessor on the object that it is given, with new functions each time. On the
 *   request itself, that makes every later use of the request slow;
 * - it swallows what goes wrong when it writes, so here a cookie that was not written is noticed;
 * - it writes `expires` by the server's clock only; `max-age` holds for a browser whose clock is off.
 */
export function createCarrier(cookie: SessionCookie): Carrier {
  const handle = cookieSession({
    name: cookie.name,
    signed: false,
    httpOnly: true,
    sameSite: "lax",
    secure: cookie.secure,
    path: "/",
  });

  function write(req: Request, session: Carried | null, maxAge: number): string {
    if (cookie.secure && req.protocol !== "https") throw new InsecureTransportError();
    const carried = besides(req, undefined);
    const reply = new Reply();
    handle(carried, reply, noop);
    carried.session = session;
    if (carried.sessionOptions) carried.sessionOptions.maxAge = maxAge * 1000;
    reply.writeHead();
    return `${reply.setCookie()}; max-age=${maxAge}`;
  }

  return {
    read(req) {
      const value = cookieValue(req.headers.cookie, cookie.name);
      if (value === undefined) return { status: "none" };
      if (value.length > MAX_COOKIE_BYTES) return { status: "malformed" };
      const carried = besides(req, req.headers.cookie);
      handle(carried, new Reply(), noop);
      const token = carried.session?.sealed;
      return typeof token === "string" && encode(token) === value
        ? { status: "token", token }
        : { status: "malformed" };
    },
    keep: (req, token, maxAge) => write(req, { sealed: token }, maxAge),
    clear: (req) => write(req, null, 0),
  };
}

/** The value that cookie-session writes for a token, and the only one that is taken for it. */
function encode(sealed: string): string {
  return Buffer.from(JSON.stringify({ sealed })).toString("base64");
}

function besides({ protocol, socket }: Request, cookie: string | undefined): CarriedRequest {
  return { headers: { cookie }, protocol, socket };
}

function noop(): void {}

/** The part of a response that cookie-session uses; calling `writeHead` makes it write. */
class Reply {
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
