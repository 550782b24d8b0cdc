import type { Request, RequestHandler, Response } from "express";
import type { EndedSessions } from "../ended/endedSessions.ts";
import { type Html, html } from "../http/html.ts";
import { isWithin } from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import { cookieAttributes, cookieValue } from "../session/cookie.ts";
import type { Sealer } from "../session/sealer.ts";
import type { Credential } from "../session/session.ts";

type SignedOut = Pick<Credential, "sid" | "exp">;

export interface PendingSignOutDeps {
  readonly ended: EndedSessions;
  readonly sealer: Sealer;
  readonly cookieSecure: boolean;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

/** Sign-outs that could not be written, in a sealed cookie: the browser's next requests retry them. */
export interface PendingSignOuts {
  /** Tries again; `res.locals.signOutPending` says afterwards whether one is still not written. */
  readonly retry: RequestHandler;
  /** Has the browser's next request, at whichever instance, end this session as well. */
  add(req: Request, res: Response, session: SignedOut): Promise<void>;
}

/** Pending sign-outs of one browser; the oldest is evicted first. */
const MAX_PENDING = 5;

/** Seconds after a failed retry in which this instance does not try again. */
const BACKOFF: Seconds = 10;

export function createPendingSignOuts({
  ended,
  sealer,
  cookieSecure,
  clock,
}: PendingSignOutDeps): PendingSignOuts {
  const name = cookieSecure ? "__Host-sign-out" : "sign-out";
  const options = cookieAttributes(cookieSecure);
  let failedAt: Seconds | undefined;

  async function read(req: Request): Promise<SignedOut[]> {
    const token = cookieValue(req.headers.cookie, name);
    if (token === undefined) return [];
    const opened = await sealer.open(name, token);
    if (opened.outcome !== "ok") return [];
    const { sessions } = opened.sealed.data;
    return (Array.isArray(sessions) ? sessions : []).filter(isSignedOut);
  }

  function keep(res: Response, pending: readonly SignedOut[]): void {
    const iat = clock();
    const sessions = pending.slice(-MAX_PENDING);
    const exp = Math.max(...sessions.map((session) => session.exp));
    const token = sealer.seal(name, { iat, exp, data: { sessions } });
    res.cookie(name, token, { ...options, maxAge: Math.max(1, exp - iat) * 1000 });
  }

  async function retry(req: Request, res: Response): Promise<void> {
    const pending = await read(req);
    if (pending.length === 0) return;
    res.locals.signOutPending = true;
    if (failedAt !== undefined && isWithin(clock() - failedAt, BACKOFF)) return;
    try {
      for (const session of pending) await ended.endSession(session);
    } catch {
      failedAt = clock();
      return;
    }
    res.clearCookie(name, options);
    res.locals.signOutPending = false;
  }

  return {
    retry(req, res, next) {
      const { cookie } = req.headers;
      if (cookie === undefined || !cookie.includes(name)) next();
      else retry(req, res).then(() => next(), next);
    },

    async add(req, res, session) {
      const others = (await read(req)).filter(({ sid }) => sid !== session.sid);
      keep(res, [...others, { sid: session.sid, exp: session.exp }]);
    },
  };
}

/** Notice for a page while a sign-out is pending; undefined if none is. */
export function pendingNotice({ locals }: Response): Html | undefined {
  if (locals.signOutPending !== true) return undefined;
  return html`<p role="alert">Your sign-out has not reached all parts of the service yet. If somebody
has copied this session, the copy still works. Reload this page, or come back later, to try again.</p>
`;
}

/** Another version of the service may have sealed something else. */
function isSignedOut(value: unknown): value is SignedOut {
  const { sid, exp } = (value ?? {}) as Record<string, unknown>;
  return typeof sid === "string" && Number.isSafeInteger(exp);
}
