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
  sessionOptions?: { maxAge?: number };
}

/**
 * cookie-session with one field, the sealed token, run beside the request instead of on it:
 * - it defines an accessor on the request that it is given, which keeps the request in memory long
 *   after its end and makes every use of it slow: here a trap takes the accessor (see `Access`);
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

  function access(request: CarriedRequest, reply: object): Access {
    const taken = new Access();
    handle(new Proxy(request, taken), reply, noop);
    return taken;
  }

  function write({ protocol, socket }: Request, session: Carried | null, maxAge: number): string {
    if (cookie.secure && protocol !== "https") throw new InsecureTransportError();
    const request: CarriedRequest = { headers: {}, protocol, socket };
    const reply = new Reply();
    access(request, reply).write(session);
    if (request.sessionOptions) request.sessionOptions.maxAge = maxAge * 1000;
    reply.writeHead();
    return `${reply.setCookie()}; max-age=${maxAge}`;
  }

  return {
    read({ headers, socket }) {
      const value = cookieValue(headers.cookie, cookie.name);
      if (value === undefined) return { status: "none" };
      if (value.length > MAX_COOKIE_BYTES) return { status: "malformed" };
      // The protocol matters for writing only.
      const token = access({ headers, protocol: "", socket }, UNWRITTEN).read()?.sealed;
      return typeof token === "string" && encode(token) === value
        ? { status: "token", token }
        : { status: "malformed" };
    },
    keep: (req, token, maxAge) => write(req, { sealed: token }, maxAge),
    clear: (req) => write(req, null, 0),
  };
}

/**
 * The value that cookie-session writes for a token, and the only one that is taken for it. There
 * is nothing in a token that JSON would escape.
 */
function encode(token: string): string {
  return Buffer.from(`{"sealed":"${token}"}`, "latin1").toString("base64");
}

/**
 * Takes the accessor of `session` before it is defined. V8 puts every accessor that is defined
 * among its old objects, and what it holds survives with it until the next full collection: its
 * functions, through them the request, and all that belongs to the request.
 */
class Access implements ProxyHandler<object> {
  #accessor: PropertyDescriptor = {};

  defineProperty(request: object, name: string | symbol, descriptor: PropertyDescriptor): boolean {
    if (name !== "session") return Reflect.defineProperty(request, name, descriptor);
    this.#accessor = descriptor;
    return true;
  }

  read(): Carried | null | undefined {
    return this.#accessor.get?.();
  }

  write(session: Carried | null): void {
    this.#accessor.set?.(session);
  }
}

function noop(): void {}

/** The response to a request that is only read: cookie-session hooks its `writeHead` in vain. */
const UNWRITTEN = {
  get writeHead(): () => void {
    return noop;
  },
  set writeHead(_hook: () => void) {},
};

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
