import { type Request, type Response, Router } from "express";
import { messageOf } from "../contract/errors.ts";
import { userMark } from "../ended/marks.ts";
import { html, page } from "../http/html.ts";
import { unlessAborted } from "../process/abort.ts";
import type { Seconds } from "../pure/seconds.ts";
import { KeysUnavailableError, SignOutFailedError } from "../session/errors.ts";
import { type Credential, credentialOf, endSession, isSignedIn } from "../session/session.ts";
import { StalePageError } from "./csrf.ts";
import {
  type PendingSignOutDeps,
  type PendingSignOuts,
  pendingNotice,
  SIGN_OUT_MILLISECONDS,
} from "./pendingSignOuts.ts";
import { DEFAULT_RETURN_TO, signInLink } from "./returnTo.ts";
import { SealedCookies } from "./sealedCookies.ts";

export interface SignOutDeps extends PendingSignOutDeps {
  readonly pendingSignOuts: PendingSignOuts;
  /**
   * Where whoever is signed in ends the session at the provider; undefined if there is no such
   * page.
   */
  readonly endSessionUrl: (req: Request) => Promise<URL | undefined>;
}

export const SIGNED_OUT_PATH = "/signed-out";

/** Retry-After in seconds if signing out everywhere fails. */
const RETRY_AFTER: Seconds = 10;

/** Minimum seconds between two sign-outs everywhere of one person. */
const EVERYWHERE_INTERVAL: Seconds = 60;

/** Seconds for which the page after signing out links to the provider. */
const LINK_LIFETIME: Seconds = 600;

/** `POST /logout`, `POST /logout/everywhere` and `GET /signed-out`. */
export function signOutRoutes(deps: SignOutDeps): Router {
  const { ended, clock, log, pendingSignOuts, abortAfter = AbortSignal.timeout } = deps;
  // The provider's URL has the user's address.
  const link = new SealedCookies(deps, "signed-out", SIGNED_OUT_PATH);

  /**
   * Ends the session, and links to the provider where that has a page and its metadata comes in
   * time.
   */
  async function leave(req: Request, res: Response, ending?: Promise<void>): Promise<void> {
    const url = unlessAborted(deps.endSessionUrl(req), abortAfter(SIGN_OUT_MILLISECONDS));
    const [href] = await Promise.all([url.then((known) => known?.href).catch(() => {}), ending]);
    endSession(req);
    const iat = clock();
    try {
      if (href !== undefined) link.set(res, { iat, exp: iat + LINK_LIFETIME, data: { href } });
    } catch (error) {
      // Signing out succeeds without the link.
      if (!(error instanceof KeysUnavailableError)) throw error;
    }
    res.redirect(303, SIGNED_OUT_PATH);
  }

  async function endEverywhere(res: Response, { iss, user_id }: Credential): Promise<void> {
    const { trace } = res.locals;
    try {
      const ending = ended.endPeople(userMark(iss, user_id));
      await unlessAborted(ending, abortAfter(SIGN_OUT_MILLISECONDS));
    } catch (error) {
      log.error(
        { event: "sign_out_not_written", cause: messageOf(error), ...trace },
        "Somebody could not sign out everywhere",
      );
      throw new SignOutFailedError(
        "Your sessions could not be ended in time, and you may still be signed in. Try again in a moment.",
        RETRY_AFTER,
      );
    }
    log.info({ event: "signed_out_everywhere", user_id, ...trace }, "Signed out everywhere");
  }

  const routes = Router();

  routes.post("/logout", async (req, res) => {
    if (isSignedIn(req)) await leave(req, res, pendingSignOuts.endCurrent(req, res));
    else res.redirect(303, "/");
  });

  routes.post("/logout/everywhere", async (req, res) => {
    const credential: Credential | undefined = credentialOf(req) ?? res.locals.endedSession;
    const endedAt = credential && ended.endedAt(credential);
    const recently = endedAt !== undefined && clock() - endedAt < EVERYWHERE_INTERVAL;
    if (isSignedIn(req) && credential !== undefined) {
      if (recently) {
        res.set("Retry-After", String(EVERYWHERE_INTERVAL));
        throw new RateLimitedError();
      }
      await leave(req, res, endEverywhere(res, credential));
    } else if (recently) {
      // A second request of the page, because the response to the first was late or lost.
      await leave(req, res);
    } else throw new StalePageError();
  });

  routes.get(SIGNED_OUT_PATH, async (req, res) => {
    if (isSignedIn(req)) {
      res.redirect(303, DEFAULT_RETURN_TO);
      return;
    }
    const opened = await link.open(req);
    const href = opened?.outcome === "ok" ? opened.sealed.data.href : undefined;
    res.type("html").send(signedOutPage(res, typeof href === "string" ? href : undefined));
  });

  return routes;
}

/** Explains that the provider may remember the user and sign them in again without asking. */
function signedOutPage(res: Response, endSessionUrl: string | undefined): string {
  return page({
    title: "You are signed out",
    body: html`<main class="message">
<h1>You are signed out</h1>
${pendingNotice(res)}<p>The sign-in provider may still remember you. Then &ldquo;Sign in&rdquo; asks for no password, whoever uses this browser.</p>
${endSessionUrl && html`<p>On a shared computer, <a href="${endSessionUrl}">sign out at the provider</a> too.</p>`}
<p><a class="button" href="${signInLink(DEFAULT_RETURN_TO)}">Sign in</a></p>
<p><a href="${signInLink(DEFAULT_RETURN_TO, { otherAccount: true })}">Use another account</a></p>
</main>`,
  });
}

/** Rate-limited, because every instance reads each written mark. Fields as in http-errors. */
class RateLimitedError extends Error {
  readonly status = 429;
  readonly code = "signed_out_everywhere_recently";
  override readonly message =
    "You have signed out everywhere within the last minute. Wait a minute and try again.";
}
