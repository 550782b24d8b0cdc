import type { NextFunction, Request, RequestHandler, Response } from "express";
import onHeaders from "on-headers";
import type { SessionKeys } from "../keys/sessionKeys.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { Carrier } from "./carrier.ts";
import {
  cookieValue,
  MAX_COOKIE_BYTES,
  SessionNotSerializableError,
  SessionTooLargeError,
} from "./cookie.ts";
import { copyOf, isSurelySame } from "./plainData.ts";
import { createRecent } from "./recent.ts";
import { KeysUnavailableError, type Opened, type Reopen, type Sealer } from "./sealer.ts";
import type { SessionData, SessionReport } from "./session.ts";

export interface SessionDeps {
  /** Name of the cookie, which the tokens are sealed for. */
  readonly name: string;
  readonly carrier: Carrier;
  /** Seconds from sign-in until a session ends, for sessions that exist as well. */
  readonly lifetime: Seconds;
  readonly keys: SessionKeys;
  readonly sealer: Sealer;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

/** Cookies that are remembered decrypted: a page that plays clips sends the same again and again. */
const REMEMBERED = 128;

/** A session as it came with the request. */
interface Received {
  readonly opened: Opened | { readonly outcome: "none" };
  readonly data: Readonly<SessionData>;
  /** When the session began, and when it ends. */
  readonly iat: Seconds;
  readonly exp: Seconds;
}

/**
 * Sessions in sealed cookies. The application reads and writes `req.session`, a plain object, and
 * sets it to null to end the session. A response sets the cookie only if the session changed.
 *
 * A cookie that doesn't open is left where it is: the next sign-in replaces it, while clearing it
 * could come in late and end the session that somebody just signed in for.
 */
export function sealedSessions(deps: SessionDeps): RequestHandler {
  const { carrier, keys, lifetime, name, sealer, clock } = deps;
  const recent = createRecent<Reopen>(REMEMBERED);

  function begun(opened: Received["opened"], now: Seconds): Received {
    return { opened, data: {}, iat: now, exp: now + lifetime };
  }

  function receive(opened: Received["opened"]): Received {
    const now = clock();
    if (opened.outcome !== "ok") return begun(opened, now);
    const { kid, age, sealed } = opened;
    const exp = Math.min(sealed.exp, sealed.iat + lifetime);
    if (now >= exp) return begun({ outcome: "expired", kid, age }, now);
    return { opened, data: sealed.data, iat: sealed.iat, exp };
  }

  /** The Set-Cookie header for what the application left in the session; undefined for none. */
  function setCookie(req: Request, received: Received): string | undefined {
    if (req.session === null) {
      return received.opened.outcome === "none" ? undefined : carrier.clear(req);
    }
    if (isSurelySame(req.session, received.data)) return undefined;
    const after = toJson(req.session);
    if (after === toJson(received.data)) return undefined;
    const now = clock();
    const continued = req.session.id_token === received.data.id_token;
    const { iat, exp } = continued ? received : { iat: now, exp: now + lifetime };
    const token = sealer.seal(name, { iat, exp, data: JSON.parse(after) });
    const header = carrier.keep(req, token, Math.max(1, exp - now));
    const bytes = Buffer.byteLength(header);
    if (bytes > MAX_COOKIE_BYTES) throw new SessionTooLargeError(bytes, req.session);
    return header;
  }

  function open(req: Request): Received["opened"] | Promise<Received["opened"]> {
    const value = cookieValue(req.headers.cookie, name);
    if (value === undefined) return { outcome: "none" };
    const known = recent.get(value);
    if (known !== undefined) return known();
    const cookie = carrier.read(req);
    if (cookie.status !== "token") return { outcome: cookie.status };
    const opened = sealer.open(name, cookie.token);
    if (opened instanceof Promise) return opened;
    if (opened.outcome === "ok") recent.set(value, opened.reopen);
    return opened;
  }

  return function session(req: Request, res: Response, next: NextFunction): void {
    function begin(): void {
      const opened = open(req);
      if (opened instanceof Promise) opened.then(serve, next);
      else serve(opened);
    }

    function serve(opened: Received["opened"]): void {
      const received = receive(opened);
      res.locals.session = report(received.opened);
      // What depends on a session is nobody else's, and nothing that the back button may bring up.
      res.setHeader("Cache-Control", "no-store");
      if (opened.outcome === "key_unavailable") {
        next(new KeysUnavailableError(opened.retryAfter));
        return;
      }
      req.session = copyOf(received.data);
      onHeaders(res, () => {
        const header = setCookie(req, received);
        if (header === undefined) return;
        res.appendHeader("Set-Cookie", header);
        res.setHeader("Cache-Control", "no-store");
      });
      next();
    }

    const refreshed = keys.refresh();
    if (refreshed === undefined) begin();
    else refreshed.then(begin, next);
  };
}

function report(opened: Received["opened"]): SessionReport {
  if ("age" in opened) return { session: opened.outcome, kid: opened.kid, session_age: opened.age };
  return "kid" in opened
    ? { session: opened.outcome, kid: opened.kid }
    : { session: opened.outcome };
}

/** @throws SessionNotSerializableError */
function toJson(session: SessionData): string {
  try {
    return JSON.stringify(session);
  } catch (error) {
    throw new SessionNotSerializableError(error);
  }
}
