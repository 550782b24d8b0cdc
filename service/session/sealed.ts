import type { NextFunction, Request, Response } from "express";
import type { Standing } from "../ended/endedSessions.ts";
import type { SessionKeys } from "../keys/sessionKeys.ts";
import type { EventLog } from "../process/eventLog.ts";
import type { Seconds } from "../pure/seconds.ts";
import {
  cookieValue,
  dataCookie,
  dataCookieNames,
  dataCookiePrefix,
  MAX_COOKIE_BYTES,
  MAX_DATA_COOKIE_BYTES,
  sessionCookie,
} from "./cookie.ts";
import { clearCookie, keepCookie, tokenIn } from "./cookieFormat.ts";
import { credentialIn, idTokenIn, sealCredential } from "./credential.ts";
import {
  CurrentSession,
  type SessionChanges,
  type SessionStore,
  setSession,
} from "./currentSession.ts";
import {
  EndedUnavailableError,
  InsecureTransportError,
  KeysUnavailableError,
  SessionTooLargeError,
} from "./errors.ts";
import { type Opened, type ReadyToken, type Refusal, type Sealer, whenKnown } from "./sealer.ts";
import type { Credential, SessionReport } from "./session.ts";
import { defineSession, keepBeforeHeaders } from "./sessionHooks.ts";
import type { AddSessions } from "./sessions.ts";

export interface SealedSessionDeps {
  /** Whether cookies are sent over https only. */
  readonly secure: boolean;
  /** Seconds from sign-in until a session ends. Lowering it shortens existing sessions too. */
  readonly lifetime: Seconds;
  readonly keys: SessionKeys;
  readonly sealer: Sealer;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly log: EventLog;
  readonly ended: SessionCheck;
}

/** Tells whether a session was ended before its lifetime was over. */
export interface SessionCheck {
  /** Returns a promise only if it has to wait. */
  check(credential: Credential): Standing | Promise<Standing>;
}

const NOTHING: readonly string[] = [];

/** Data cookies of other sessions that one response clears. The next response clears more. */
const MAX_CLEARED = 10;

/** Result of opening and checking a request's credential. */
type Received =
  | { readonly outcome: "none" }
  | {
      readonly outcome: "ended_unavailable";
      readonly kid: string;
      readonly age: number;
      readonly retryAfter: Seconds;
    }
  | {
      readonly outcome: "ok" | "ended";
      readonly kid: string;
      readonly age: number;
      readonly credential: Credential;
      readonly idToken: () => string | undefined;
    }
  | Refusal;

/**
 * Sessions in two sealed cookies. The credential is set and cleared only by starting and ending a
 * session. The application's data is bound to the credential's `sid`. So a late response of an
 * earlier session neither restores that session nor changes a later one.
 *
 * A credential that doesn't open is not cleared: the next sign-in replaces it, and a late response
 * that clears it could end a session that began meanwhile.
 */
export function sealedSessions(deps: SealedSessionDeps): AddSessions {
  const { secure, lifetime, keys, sealer, clock, ended } = deps;
  const cookie = sessionCookie(secure);
  const prefix = dataCookiePrefix(secure);

  function openCredential(req: Request): Received | Promise<Received> {
    const value = cookieValue(req.headers.cookie, cookie.name);
    if (value === undefined) return { outcome: "none" };
    const token = value.length > MAX_COOKIE_BYTES ? undefined : tokenIn(value);
    if (token === undefined) return { outcome: "malformed" };
    return whenKnown(sealer.open(cookie.name, token), admit);
  }

  function admit(opened: Opened): Received | Promise<Received> {
    if (opened.outcome !== "ok") return opened;
    const { kid, age, sealed } = opened;
    if (clock() >= sealed.iat + lifetime) return { outcome: "expired", kid, age };
    // `exp` stays the token's own: if the lifetime is raised again, the token lives on, and so must
    // the mark of its end.
    const credential = credentialIn(sealed.iat, sealed.exp, sealed.data);
    if (credential === undefined) return { outcome: "malformed" };
    const idToken = () => idTokenIn(opened);
    return whenKnown(ended.check(credential), (standing): Received => {
      if (standing === "live") return { outcome: "ok", kid, age, credential, idToken };
      if (standing === "ended") return { outcome: standing, kid, age, credential, idToken };
      return { outcome: "ended_unavailable", kid, age, ...standing };
    });
  }

  /** The data cookie's token with its key; undefined if there is no well-formed data cookie. */
  function prepareData(
    req: Request,
    { sid }: Credential,
  ): ReadyToken | Refusal | undefined | Promise<ReadyToken | Refusal> {
    const { cookie: header } = req.headers;
    if (!hasDataCookies(header)) return undefined;
    const value = cookieValue(header, dataCookie(secure, sid).name);
    const token = value === undefined || value.length > MAX_COOKIE_BYTES ? value : tokenIn(value);
    return token === undefined ? undefined : sealer.prepare(token);
  }

  function hasDataCookies(header: string | undefined): boolean {
    return header?.includes(`${prefix}-`) === true;
  }

  const cookies: Omit<SessionStore, "onError"> = {
    clock,
    lifetime,
    log: deps.log,

    open({ credential, received }) {
      const data = received as ReadyToken | undefined;
      if (data === undefined || credential === undefined) return {};
      const opened = data.open(prefix, credential.sid);
      return opened.outcome === "ok" ? opened.sealed.data : {};
    },

    keep(current, changes, res) {
      const { req } = res;
      const lines = changedCookies(req, current, changes);
      if (lines.length === 0) return;
      if (secure && req.protocol !== "https") throw new InsecureTransportError();
      for (const line of lines) res.appendHeader("Set-Cookie", line);
      res.setHeader("Cache-Control", "no-store");
    },
  };

  function changedCookies(
    req: Request,
    { credential, idToken }: CurrentSession,
    changes: SessionChanges,
  ): readonly string[] {
    const { cookie: header } = req.headers;
    const unchanged = changes.credential === "kept" && changes.data === undefined;
    if (unchanged && (credential === undefined || !hasDataCookies(header))) return NOTHING;
    const lines: string[] = [];
    if (changes.credential === "started" && credential !== undefined) {
      lines.push(credentialLine(req, credential, idToken()));
    }
    if (changes.credential === "ended" && cookieValue(header, cookie.name) !== undefined) {
      lines.push(clearCookie(cookie));
    }
    const own = credential && dataCookie(secure, credential.sid).name;
    if (credential !== undefined && changes.data !== undefined) {
      lines.push(dataLine(credential, changes.data));
    }
    const others = dataCookieNames(header, secure).filter((name) => name !== own);
    lines.push(...others.slice(0, MAX_CLEARED).map((name) => clearCookie({ name, secure })));
    return lines;
  }

  /** @throws SessionTooLargeError even without the ID token. */
  function credentialLine(req: Request, credential: Credential, idToken?: string): string {
    const maxAge = Math.max(1, credential.exp - clock());
    const whole = keepCookie(
      cookie,
      sealCredential(sealer, cookie.name, credential, idToken),
      maxAge,
    );
    if (whole.length <= MAX_COOKIE_BYTES) return whole;
    const without = keepCookie(cookie, sealCredential(sealer, cookie.name, credential), maxAge);
    if (without.length > MAX_COOKIE_BYTES) {
      throw new SessionTooLargeError(without.length, MAX_COOKIE_BYTES, credential);
    }
    const bytes = idToken?.length;
    deps.log.warn(
      { event: "id_token_left_out", bytes, user_id: credential.user_id, ...req.res?.locals.trace },
      `The ID token of ${bytes} bytes does not fit into the session's cookie and is left out`,
    );
    return without;
  }

  function dataLine({ sid, exp }: Credential, json: string): string {
    const data: object = JSON.parse(json);
    const iat = clock();
    const token = sealer.seal(prefix, { iat, exp, data }, sid);
    const line = keepCookie(dataCookie(secure, sid), token, Math.max(1, exp - iat));
    if (line.length <= MAX_DATA_COOKIE_BYTES) return line;
    throw new SessionTooLargeError(line.length, MAX_DATA_COOKIE_BYTES, data);
  }

  function session(store: SessionStore, req: Request, res: Response, next: NextFunction): void {
    function begin(): void {
      const received = openCredential(req);
      if (received instanceof Promise) received.then(prepare, next);
      else prepare(received);
    }

    function prepare(received: Received): void {
      const data = received.outcome === "ok" ? prepareData(req, received.credential) : undefined;
      if (data instanceof Promise) data.then((ready) => serve(received, ready), next);
      else serve(received, data);
    }

    function serve(received: Received, data: ReadyToken | Refusal | undefined): void {
      const unavailable = [received, data].find((part) => part?.outcome === "key_unavailable");
      const outcome = unavailable ?? received;
      res.locals.session = report(outcome);
      // No shared cache, and no back button after sign-out, may show what depends on a session.
      res.setHeader("Cache-Control", "no-store");
      const ok = outcome.outcome === "ok" ? outcome : undefined;
      // With this, signing out everywhere recognizes that an earlier request has succeeded.
      if (outcome.outcome === "ended") res.locals.endedSession = outcome.credential;
      const ready = data?.outcome === "ready" ? data : undefined;
      setSession(req, new CurrentSession(store, req, ok?.credential, ok?.idToken, ready));
      if (outcome.outcome === "key_unavailable") next(new KeysUnavailableError(outcome.retryAfter));
      else if (outcome.outcome === "ended_unavailable") {
        next(new EndedUnavailableError(outcome.retryAfter));
      } else next();
    }

    const refreshed = keys.refresh();
    if (refreshed === undefined) begin();
    else refreshed.then(begin, next);
  }

  return (app, onError) => {
    defineSession(app);
    const prototype = Object.getPrototypeOf(app.response);
    keepBeforeHeaders(prototype, () => Object.getPrototypeOf(prototype));
    const store: SessionStore = { ...cookies, onError };
    app.use((req, res, next) => session(store, req, res, next));
  };
}

function report(received: Received): SessionReport {
  const { outcome: session } = received;
  if ("age" in received) return { session, kid: received.kid, session_age: received.age };
  return "kid" in received ? { session, kid: received.kid } : { session };
}
