import type { Request, RequestHandler, Response } from "express";
import { messageOf } from "../contract/errors.ts";
import type { EndedSessions } from "../ended/endedSessions.ts";
import { type Html, html } from "../http/html.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import type { EventLog } from "../process/eventLog.ts";
import { isWithin } from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import { type Credential, credentialOf } from "../session/session.ts";
import { type SealedCookieDeps, SealedCookies } from "./sealedCookies.ts";

type SignedOut = Pick<Credential, "sid" | "exp">;

export interface PendingSignOutDeps extends SealedCookieDeps {
  readonly ended: EndedSessions;
  readonly log: EventLog;
  readonly abortAfter?: AbortAfter;
}

/** Sign-outs that could not be written, in a sealed cookie: the browser's next requests retry. */
export interface PendingSignOuts {
  /**
   * Ends the session that the request came with, for all who have a copy of it. If that can't be
   * written in time, the browser's next request, at whichever instance, tries again.
   */
  endCurrent(req: Request, res: Response): Promise<void>;
  /** Retries; afterwards `res.locals.signOutPending` is true if a sign-out is still not written. */
  readonly retry: RequestHandler;
}

/**
 * How long signing out waits for the session's end to be written, which goes on, and for the
 * provider's metadata. The page gives up after 3 s, and would then miss the cookie.
 */
export const SIGN_OUT_MILLISECONDS = 2_000;

/** Pending sign-outs of one browser; the oldest is evicted first. */
const MAX_PENDING = 5;

/** Seconds between retries of this instance. */
const BACKOFF: Seconds = 10;

export function createPendingSignOuts(deps: PendingSignOutDeps): PendingSignOuts {
  const { ended, clock, log, abortAfter = AbortSignal.timeout } = deps;
  const cookie = new SealedCookies(deps, "sign-out");
  let failedAt: Seconds | undefined;

  async function read(req: Request): Promise<SignedOut[]> {
    const opened = await cookie.open(req);
    const sessions = opened?.outcome === "ok" ? opened.sealed.data.sessions : [];
    return (Array.isArray(sessions) ? sessions : []).filter(isSignedOut);
  }

  async function add(req: Request, res: Response, { sid, exp }: SignedOut): Promise<void> {
    const others = (await read(req)).filter((other) => other.sid !== sid);
    const sessions = [...others, { sid, exp }].slice(-MAX_PENDING);
    const last = Math.max(...sessions.map((session) => session.exp));
    cookie.set(res, { iat: clock(), exp: last, data: { sessions } });
  }

  async function retry(req: Request, res: Response): Promise<void> {
    const pending = await read(req);
    if (pending.length === 0) return;
    res.locals.signOutPending = true;
    if (failedAt !== undefined && isWithin(clock() - failedAt, BACKOFF)) return;
    try {
      const ending = Promise.all(pending.map((session) => ended.endSession(session)));
      await unlessAborted(ending, abortAfter(SIGN_OUT_MILLISECONDS));
    } catch {
      failedAt = clock();
      return;
    }
    cookie.clear(res);
    res.locals.signOutPending = false;
  }

  return {
    async endCurrent(req, res) {
      const credential = credentialOf(req);
      if (credential === undefined) return;
      const logFailure = (error: unknown, message: string) => {
        const cause = messageOf(error);
        log.error({ event: "sign_out_not_written", cause, ...res.locals.trace }, message);
      };
      try {
        await unlessAborted(ended.endSession(credential), abortAfter(SIGN_OUT_MILLISECONDS));
      } catch (error) {
        logFailure(
          error,
          "A session's end could not be written in time: other instances may go on accepting it",
        );
        await add(req, res, credential).catch((fault: unknown) =>
          logFailure(fault, "The browser can't be asked to try again"),
        );
      }
    },

    retry(req, res, next) {
      if (req.headers.cookie?.includes(cookie.prefix)) retry(req, res).then(() => next(), next);
      else next();
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
