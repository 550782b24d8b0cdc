import express, { type NextFunction, type Request, type Response, Router } from "express";
import { messageOf, OperatorError } from "../contract/errors.ts";
import type { EndedSessions } from "../ended/endedSessions.ts";
import { providerSessionMark, userMark } from "../ended/marks.ts";
import { createRecentEntries } from "../ended/recentEntries.ts";
import type { EventLog } from "../process/eventLog.ts";
import { printable } from "../pure/printable.ts";
import type { Seconds } from "../pure/seconds.ts";
import { createTokenBucket } from "../pure/tokenBucket.ts";
import { SignInError } from "./failures.ts";
import type { LazyClient } from "./lazyClient.ts";
import type { LogoutToken } from "./logoutToken.ts";

export interface BackchannelDeps {
  readonly client: LazyClient;
  readonly ended: EndedSessions;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly log: EventLog;
}

/** Logouts that an instance remembers, so that repeating their tokens causes no call. */
const REMEMBERED_LOGOUTS = 1000;

/** Seconds after a failure in which the provider is not called, because anybody can send tokens. */
const RETRY_AFTER: Seconds = 10;

/** Rate limit for log lines about refused tokens: burst, and seconds per further line. */
const LOG_BURST = 10;
const LOG_INTERVAL: Seconds = 60;

const parseBody = express.urlencoded({ extended: false, limit: "16kb" });

/**
 * `POST /login/backchannel`: the provider says that a session or a user has been signed out there.
 * It comes before the sessions and the CSRF check, because the token authenticates the call.
 * https://openid.net/specs/openid-connect-backchannel-1_0.html
 */
export function backchannelRoutes({ client, ended, clock, log }: BackchannelDeps): Router {
  const seen = createRecentEntries<true>(REMEMBERED_LOGOUTS);
  const logLines = createTokenBucket(LOG_BURST, LOG_INTERVAL);
  let notLogged = 0;
  /** Unix time before which the provider's metadata is not read, because the last read failed. */
  let askAgainAt = Number.NEGATIVE_INFINITY;

  async function verify(text: string): Promise<LogoutToken | string> {
    if (client === undefined) return "no provider is set up";
    if (clock() < askAgainAt) throw new Error("the provider failed a moment ago");
    try {
      return await (await client()).verifyLogoutToken(text);
    } catch (error) {
      const unread = error instanceof SignInError && error.details.step === "discovery";
      if (unread) askAgainAt = clock() + RETRY_AFTER;
      throw error;
    }
  }

  async function end({ ended: whose, issuer, iat }: LogoutToken): Promise<boolean> {
    // Not by `jti`, which a provider may use twice.
    const logout = JSON.stringify([whose, iat]);
    if (seen.get(logout)) return false;
    const who =
      "sid" in whose ? providerSessionMark(issuer, whose.sid) : userMark(issuer, whose.subject);
    await ended.endPeople(who, iat);
    seen.set(logout, true);
    return true;
  }

  /** Logs with a rate limit, because anybody can send tokens. */
  function logFailure(level: "warn" | "error", event: string, cause: string, res: Response): void {
    if (!logLines.take(clock())) {
      notLogged += 1;
      return;
    }
    const line = { event, cause: printable(cause, 200), not_logged: notLogged };
    notLogged = 0;
    log[level]({ ...line, ...res.locals.trace }, "The provider's logout was not carried out");
  }

  const routes = Router();
  routes.post("/login/backchannel", noStore, parseBody, async (req, res) => {
    const { logout_token: text }: Record<string, unknown> = req.body ?? {};
    try {
      const token = typeof text === "string" ? await verify(text) : "there is no logout_token";
      if (typeof token === "string") {
        logFailure("warn", "logout_token_refused", token, res);
        res.status(400).json({ error: "invalid_request" });
        return;
      }
      if (await end(token)) {
        const line = { event: "signed_out_by_provider", ...token.ended, ...res.locals.trace };
        log.info(line, "Signed out by the provider");
      }
      res.status(200).end();
    } catch (error) {
      // Only writing the mark throws OperatorErrors.
      const isWriting = error instanceof OperatorError;
      const cause = error instanceof SignInError ? error.details.cause : undefined;
      const event = isWriting ? "sign_out_not_written" : "logout_token_unchecked";
      logFailure("error", event, String(cause ?? messageOf(error)), res);
      res.set("Retry-After", String(RETRY_AFTER));
      res.status(503).json({ error: "temporarily_unavailable" });
    }
  });
  return routes;
}

function noStore(_req: Request, res: Response, next: NextFunction): void {
  res.set("Cache-Control", "no-store");
  next();
}
