import type { Request, RequestHandler, Response } from "express";
import { messageOf } from "../contract/errors.ts";
import type { EndedSessions } from "../ended/endedSessions.ts";
import { userMark } from "../ended/marks.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import type { EventLog } from "../process/eventLog.ts";
import type { Seconds } from "../pure/seconds.ts";
import { SignOutFailedError } from "../session/errors.ts";
import { credentialOf, endSession } from "../session/session.ts";
import type { PendingSignOuts } from "./pendingSignOuts.ts";

export interface SignOutDeps {
  readonly ended: EndedSessions;
  readonly pendingSignOuts: PendingSignOuts;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly log: EventLog;
  readonly abortAfter?: AbortAfter;
}

/**
 * For how long signing out waits for the mark, which is written on. The page that asks gives up
 * after 3 s, and with the answer it would miss the cookie that tries again.
 */
const WRITE_MILLISECONDS = 2_000;

/** Seconds after which signing out everywhere is tried again. */
const RETRY_AFTER: Seconds = 10;

/** Minimum seconds between two sign-outs everywhere of one person. */
const EVERYWHERE_INTERVAL: Seconds = 60;

/** Ends sessions, so that copies of their cookies are refused as well. */
export interface SignOuts {
  /** Ends the session that the request came with. If it can't be written, the browser tries again. */
  endCurrent(req: Request, res: Response): Promise<void>;
  /** Ends all sessions of whoever is signed in. Mount it behind requireSignIn. */
  readonly everywhere: RequestHandler;
}

export function createSignOuts({
  ended,
  pendingSignOuts,
  clock,
  log,
  abortAfter = AbortSignal.timeout,
}: SignOutDeps): SignOuts {
  return {
    async endCurrent(req, res) {
      const credential = credentialOf(req);
      if (credential === undefined) return;
      try {
        await unlessAborted(ended.endSession(credential), abortAfter(WRITE_MILLISECONDS));
      } catch (error) {
        const { trace } = res.locals;
        log.error(
          { event: "sign_out_not_written", cause: messageOf(error), ...trace },
          "A session's end could not be written in time: other instances may go on accepting it",
        );
        await pendingSignOuts.add(req, res, credential).catch((fault: unknown) => {
          log.error(
            { event: "sign_out_not_written", cause: messageOf(fault), ...trace },
            "The browser can't be asked to try again",
          );
        });
      }
    },

    async everywhere(req, res) {
      const credential = credentialOf(req);
      if (credential === undefined) return;
      const { iss, user_id } = credential;
      const { trace } = res.locals;
      const endedAt = ended.endedAt(credential);
      if (endedAt !== undefined && clock() - endedAt < EVERYWHERE_INTERVAL) {
        res.set("Retry-After", String(EVERYWHERE_INTERVAL));
        throw new SignedOutLatelyError();
      }
      try {
        await ended.endPeople(userMark(iss, user_id));
      } catch (error) {
        log.error(
          { event: "sign_out_not_written", cause: messageOf(error), ...trace },
          "Somebody could not sign out everywhere",
        );
        throw new SignOutFailedError(
          "Your sessions could not be ended, and you are still signed in. Try again in a moment.",
          RETRY_AFTER,
        );
      }
      endSession(req);
      res.redirect(303, "/");
      log.info({ event: "signed_out_everywhere", user_id, ...trace }, "Signed out everywhere");
    },
  };
}

/** Rate limit: every instance reads the marks that each time writes. Fields as in http-errors. */
class SignedOutLatelyError extends Error {
  readonly status = 429;
  readonly code = "signed_out_lately";
  override readonly message =
    "You have signed out everywhere within the last minute. Wait a minute and try again.";
}
