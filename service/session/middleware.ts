import type { NextFunction, Request, RequestHandler, Response } from "express";
import onHeaders from "on-headers";
import type { SessionKeys } from "../keys/sessionKeys.ts";
import type { Carrier } from "./carrier.ts";
import { MAX_COOKIE_BYTES, SessionNotSerializableError, SessionTooLargeError } from "./cookie.ts";
import { KeysUnavailableError, type Opened, type Sealer, type Seconds } from "./sealer.ts";
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

/** A session as it came with the request. */
interface Received {
  readonly opened: Opened | { readonly outcome: "none" };
  /** The application's to change. */
  readonly data: SessionData;
  /** When the session began, and when it ends. */
  readonly iat: Seconds;
  readonly exp: Seconds;
}

/** What the session was before the application changed it. */
interface Before {
  readonly json: string;
  readonly idToken: string | undefined;
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

  function receive(opened: Received["opened"]): Received {
    const now = clock();
    const fresh = { data: {}, iat: now, exp: now + lifetime };
    if (opened.outcome !== "ok") return { opened, ...fresh };
    const { kid, age, sealed } = opened;
    const exp = Math.min(sealed.exp, sealed.iat + lifetime);
    if (now >= exp) return { opened: { outcome: "expired", kid, age }, ...fresh };
    return { opened, data: sealed.data, iat: sealed.iat, exp };
  }

  /** The Set-Cookie header for what the application left in the session; undefined for none. */
  function setCookie(req: Request, received: Received, before: Before): string | undefined {
    if (req.session === null) {
      return received.opened.outcome === "none" ? undefined : carrier.clear(req);
    }
    const after = toJson(req.session);
    if (after === before.json) return undefined;
    const now = clock();
    const continued = req.session.id_token === before.idToken;
    const { iat, exp } = continued ? received : { iat: now, exp: now + lifetime };
    const token = sealer.seal(name, { iat, exp, data: JSON.parse(after) });
    const header = carrier.keep(req, token, Math.max(1, exp - now));
    const bytes = Buffer.byteLength(header);
    if (bytes > MAX_COOKIE_BYTES) throw new SessionTooLargeError(bytes, req.session);
    return header;
  }

  return function session(req: Request, res: Response, next: NextFunction): void {
    function begin(): void {
      const cookie = carrier.read(req);
      if (cookie.status === "none") serve({ outcome: "none" });
      else if (cookie.status === "malformed") serve({ outcome: "malformed" });
      else {
        const opened = sealer.open(name, cookie.token);
        if (opened instanceof Promise) opened.then(serve, next);
        else serve(opened);
      }
    }

    function serve(opened: Received["opened"]): void {
      const received = receive(opened);
      res.locals.session = report(received.opened);
      res.setHeader("Cache-Control", "no-store");
      if (opened.outcome === "key_unavailable") {
        next(new KeysUnavailableError(opened.retryAfter));
        return;
      }
      const { data } = received;
      const before: Before = { json: JSON.stringify(data), idToken: data.id_token };
      req.session = data;
      onHeaders(res, () => {
        const header = setCookie(req, received, before);
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
  return {
    session: opened.outcome,
    ...("kid" in opened && { kid: opened.kid }),
    ...("age" in opened && { session_age: opened.age }),
  };
}

/** @throws SessionNotSerializableError */
function toJson(session: SessionData): string {
  try {
    return JSON.stringify(session);
  } catch (error) {
    throw new SessionNotSerializableError(error);
  }
}
