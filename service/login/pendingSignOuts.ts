import type { Request, RequestHandler, Response } from "express";
import type { EndedSessions } from "../ended/endedSessions.ts";
import { type Html, html } from "../http/html.ts";
import { isWithin } from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { Credential } from "../session/session.ts";
import { type SealedCookieDeps, SealedCookies } from "./sealedCookies.ts";

type SignedOut = Pick<Credential, "sid" | "exp">;

export interface PendingSignOutDeps extends SealedCookieDeps {
  readonly ended: EndedSessions;
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

export function createPendingSignOuts(deps: PendingSignOutDeps): PendingSignOuts {
  const { ended, clock } = deps;
  const cookie = new SealedCookies(deps, "sign-out");
  let failedAt: Seconds | undefined;

  async function read(req: Request): Promise<SignedOut[]> {
    const opened = await cookie.open(req);
    const sessions = opened?.outcome === "ok" ? opened.sealed.data.sessions : [];
    return (Array.isArray(sessions) ? sessions : []).filter(isSignedOut);
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
    cookie.clear(res);
    res.locals.signOutPending = false;
  }

  return {
    retry(req, res, next) {
      if (req.headers.cookie?.includes(cookie.prefix)) retry(req, res).then(() => next(), next);
      else next();
    },

    async add(req, res, { sid, exp }) {
      const others = (await read(req)).filter((other) => other.sid !== sid);
      const sessions = [...others, { sid, exp }].slice(-MAX_PENDING);
      const last = Math.max(...sessions.map((session) => session.exp));
      cookie.set(res, { iat: clock(), exp: last, data: { sessions } });
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
