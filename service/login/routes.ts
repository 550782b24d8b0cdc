import { type ErrorRequestHandler, type Request, Router } from "express";
import type { EventLog } from "../process/eventLog.ts";
import { once } from "../pure/once.ts";
import type { Seconds } from "../pure/seconds.ts";
import { InsecureTransportError } from "../session/errors.ts";
import type { Sealer } from "../session/sealer.ts";
import { endSession, isSignedIn, startSession } from "../session/session.ts";
import { admit } from "./allowList.ts";
import { type FailureReason, SignInError } from "./failure.ts";
import { failurePage } from "./failurePage.ts";
import type { Identity, OidcClient } from "./oidc.ts";
import { createProofs } from "./proofs.ts";
import { redirectUri } from "./redirectUri.ts";
import { DEFAULT_RETURN_TO, parseReturnTo } from "./returnTo.ts";
import type { SignInSettings } from "./settings.ts";
import { createTransactions } from "./transaction.ts";

export interface SignInDeps {
  readonly signIn: SignInSettings;
  readonly cookieSecure: boolean;
  readonly sealer: Sealer;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly log: EventLog;
}

/** How loud a failure is in the log: what visitors do, what somebody may be trying, what is broken. */
const LEVELS: Record<FailureReason, keyof EventLog> = {
  not_set_up: "warn",
  invalid_host: "info",
  unknown_attempt: "info",
  forged_answer: "warn",
  code_refused: "warn",
  cancelled: "info",
  provider_unavailable: "error",
  provider_error: "error",
  email_unverified: "warn",
  not_allowed: "warn",
};

/** `GET /login?returnTo=`, `GET /login/callback` and `POST /logout`. */
export function signInRoutes(deps: SignInDeps): Router {
  const { clock, cookieSecure, log } = deps;
  const { oidc, allowedUsers } = deps.signIn;
  // Loaded with the first sign-in: no start needs it.
  const oidcClient =
    oidc && once(async () => (await import("./oidc.ts")).createOidcClient({ config: oidc }));
  const transactions = createTransactions(deps);
  const routes = Router();

  /** What sign-in needs before anything else. */
  async function begin(req: Request): Promise<{ readonly client: OidcClient; readonly uri: URL }> {
    if (oidcClient === undefined) throw new SignInError("not_set_up");
    if (cookieSecure && req.protocol !== "https") throw new InsecureTransportError();
    const uri = redirectUri(req);
    if (uri === undefined) throw new SignInError("invalid_host");
    return { client: await oidcClient(), uri };
  }

  routes.get("/login", async (req, res) => {
    const returnTo = parseReturnTo(req.query.returnTo);
    res.locals.returnTo = returnTo;
    const { client, uri } = await begin(req);
    const { attempts } = await transactions.read(req);
    const proofs = createProofs();
    const otherAccount = req.query.prompt === "select_account";
    const url = await client.authorizationUrl(uri.href, proofs, otherAccount);
    transactions.write(res, [...attempts, { ...proofs, returnTo, startedAt: clock() }]);
    res.redirect(302, url.href);
  });

  routes.get("/login/callback", async (req, res) => {
    const { client, uri } = await begin(req);
    const callback = new URL(uri);
    // A client may name any host in the request line, even one that no URL can have.
    callback.search = URL.parse(req.originalUrl, uri.href)?.search ?? "";
    const { attempts, outcome } = await transactions.read(req);
    const state = callback.searchParams.get("state");
    const attempt = attempts.find((candidate) => candidate.state === state);
    if (attempt === undefined) {
      if (!isSignedIn(req)) throw new SignInError("unknown_attempt", { transaction: outcome });
      res.redirect(303, DEFAULT_RETURN_TO);
      return;
    }
    res.locals.returnTo = attempt.returnTo;
    // Whatever comes of it, it is tried once.
    transactions.write(
      res,
      attempts.filter((other) => other !== attempt),
    );
    const identity = await client.redeem(callback, attempt);
    requireAdmission(identity, allowedUsers);
    startSession(req, {
      user_id: identity.subject,
      user_email: identity.email,
      id_token: identity.idToken,
      iss: identity.issuer,
      provider_sid: identity.providerSid,
      of_domain: identity.ofDomain,
    });
    res.redirect(303, attempt.returnTo);
    const { trace } = res.locals;
    log.info({ event: "signed_in", user_id: identity.subject, ...trace }, "Signed in");
  });

  routes.post("/logout", (req, res) => {
    endSession(req);
    res.redirect(303, "/");
  });

  routes.use(failed(log));
  return routes;
}

/** @throws SignInError */
function requireAdmission(identity: Identity, allowedUsers: readonly string[]): void {
  const admission = admit(allowedUsers, identity);
  if (admission === "allowed") return;
  // Enough to find out who it was and why, without a list of strangers' addresses in the log.
  throw new SignInError(admission, {
    user_id: identity.subject,
    email_domain: identity.email?.replace(/^.*@/s, "").slice(0, 100),
    ...(!identity.ofDomain && { cause: "the account is not one of the address's domain" }),
  });
}

/** Answers failed sign-ins with a page; passes on what is not one. */
function failed(log: EventLog): ErrorRequestHandler {
  return (error, req, res, next) => {
    if (!(error instanceof SignInError)) {
      next(error);
      return;
    }
    const { reason, details } = error;
    const { trace } = res.locals;
    log[LEVELS[reason]]({ event: "sign_in_failed", reason, ...details, ...trace }, error.message);
    const { status, retryAfter, body } = failurePage(reason, {
      returnTo: res.locals.returnTo ?? DEFAULT_RETURN_TO,
      redirectUri: redirectUri(req)?.href,
    });
    if (retryAfter !== undefined) res.set("Retry-After", String(retryAfter));
    res.status(status).type("html").send(body);
  };
}
