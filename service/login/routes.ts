import { type Request, type RequestHandler, type Response, Router } from "express";
import { type PublicAddress, siteOf } from "../http/publicUrl.ts";
import { printable } from "../pure/printable.ts";
import { InsecureTransportError } from "../session/errors.ts";
import { credentialOf, isSignedIn, startSession } from "../session/session.ts";
import { admit } from "./allowList.ts";
import { type Attempt, createAttempts, type Purpose } from "./attempts.ts";
import { failureHandler, SignInError } from "./failures.ts";
import type { LazyClient } from "./lazyClient.ts";
import type { Identity, OidcClient } from "./oidc.ts";
import { createRedemptions } from "./redemptions.ts";
import { requireSignIn } from "./requireSignIn.ts";
import { DEFAULT_RETURN_TO, parseReturnTo } from "./returnTo.ts";
import { SIGNED_OUT_PATH, type SignOutDeps, signOutRoutes } from "./signOuts.ts";

export interface SignInDeps
  extends Omit<SignOutDeps, "endSessionUrl">,
    Pick<PublicAddress, "publicUrl"> {
  readonly client: LazyClient;
  /** Addresses and @domains that may sign in; empty: everyone. */
  readonly allowedUsers: readonly string[];
}

/** Dependencies of every step of a sign-in. */
interface Prepared {
  readonly client: OidcClient;
  readonly redirectUri: URL;
}

/**
 * `GET /login?returnTo=`, `GET /login/callback`, `GET /api/session`, `POST /logout`,
 * `POST /logout/everywhere` and `GET /signed-out`.
 */
export function signInRoutes(deps: SignInDeps): Router {
  const { allowedUsers, cookieSecure, ended, log, pendingSignOuts } = deps;
  const attempts = createAttempts(deps);
  const redemptions = createRedemptions();
  const routes = Router();

  async function prepare(req: Request): Promise<Prepared> {
    if (deps.client === undefined) throw new SignInError("not_set_up");
    if (cookieSecure && req.protocol !== "https") throw new InsecureTransportError();
    const redirectUri = redirectUriOf(req, deps);
    if (redirectUri === undefined) throw new SignInError("invalid_host");
    return { client: await deps.client(), redirectUri };
  }

  async function begin(
    req: Request,
    res: Response,
    { client, redirectUri }: Prepared,
    purpose: Purpose,
  ): Promise<void> {
    const attempt = attempts.create(req, purpose);
    const url = await client.authorizationUrl(redirectUri.href, attempt, purpose.otherAccount);
    attempts.keep(req, res, attempt);
    res.redirect(302, url.href);
  }

  /**
   * Begins a sign-in whose code is used up once more: somebody clicked twice, or the browser gave
   * up waiting for the first answer. The session that is there is kept, unless somebody asked for
   * another account since it began.
   */
  async function onUsedUpCode(
    req: Request,
    res: Response,
    prepared: Prepared,
    attempt: Attempt,
  ): Promise<void> {
    if (isSignedIn(req) && (!attempt.otherAccount || attempts.isNewerSession(req, attempt))) {
      res.redirect(303, attempt.returnTo);
    } else if (attempt.automatic) {
      // Two used codes in a row are not a double click, and a restart could loop.
      throw new SignInError("code_refused");
    } else {
      await begin(req, res, prepared, { ...attempt, automatic: true });
    }
  }

  async function finish(req: Request, res: Response, attempt: Attempt, identity: Identity) {
    requireAdmission(identity, allowedUsers);
    attempts.finish(res, attempt);
    // The same user may have signed in in another tab meanwhile, and that tab has the CSRF token.
    if (
      !isSameUser(req, identity) ||
      attempt.otherAccount ||
      !attempts.isNewerSession(req, attempt)
    ) {
      const signedIn = {
        user_id: identity.subject,
        user_email: identity.email,
        id_token: identity.idToken,
        iss: identity.issuer,
        provider_sid: identity.providerSid,
        of_domain: identity.ofDomain,
      };
      const startTime = ended.startTime(signedIn);
      await pendingSignOuts.endCurrent(req, res);
      startSession(req, { ...signedIn, iat: await startTime });
      const { trace } = res.locals;
      log.info({ event: "signed_in", user_id: identity.subject, ...trace }, "Signed in");
    }
    res.redirect(303, attempt.returnTo);
  }

  /** URL of the provider's sign-out for the user. */
  async function endSessionUrl(req: Request): Promise<URL | undefined> {
    const site = siteOf(req, deps);
    if (site === undefined || deps.client === undefined) return undefined;
    const returnTo = new URL(SIGNED_OUT_PATH, site).href;
    const client = await deps.client();
    return await client.endSessionUrl(returnTo, credentialOf(req)?.user_email);
  }

  routes.use("/login", skipPrefetch);

  routes.get("/login", async (req, res) => {
    const returnTo = parseReturnTo(req.query.returnTo);
    res.locals.returnTo = returnTo;
    const otherAccount = req.query.prompt === "select_account";
    await begin(req, res, await prepare(req), { returnTo, otherAccount, automatic: false });
  });

  routes.get("/login/callback", async (req, res) => {
    const prepared = await prepare(req);
    const callback = new URL(prepared.redirectUri);
    // A client may name any host in the request line, even one that no URL can have.
    callback.search = URL.parse(req.originalUrl, callback.href)?.search ?? "";
    const found = await attempts.find(req, callback.searchParams.get("state"));
    if (found.status === "unknown") {
      if (isSignedIn(req)) res.redirect(303, DEFAULT_RETURN_TO);
      else throw unknownAttempt(found.outcome, callback.searchParams);
      return;
    }
    if (found.status === "done") {
      const { purpose } = found;
      res.locals.returnTo = purpose.returnTo;
      if (isSignedIn(req)) res.redirect(303, purpose.returnTo);
      else await begin(req, res, prepared, { ...purpose, automatic: false });
      return;
    }
    const { attempt } = found;
    res.locals.returnTo = attempt.returnTo;
    try {
      const identity = await redemptions.limit(attempt.state, () =>
        prepared.client.redeem(callback, attempt),
      );
      await finish(req, res, attempt, identity);
    } catch (error) {
      const reason = error instanceof SignInError ? error.reason : undefined;
      if (reason === "code_refused") await onUsedUpCode(req, res, prepared, attempt);
      else if (reason === "cancelled" && isSignedIn(req)) res.redirect(303, attempt.returnTo);
      else throw error;
    }
  });

  /** For a page with a stale token: the current user and token. */
  routes.get("/api/session", requireSignIn, (req, res) => {
    const { user_id, csrf_token } = req.session;
    res.json({ user_id, csrf_token });
  });

  routes.use(signOutRoutes({ ...deps, endSessionUrl }));
  routes.use(failureHandler({ log, redirectUri: (req) => redirectUriOf(req, deps) }));
  return routes;
}

/** The redirect URI. Undefined if the Host header is invalid. */
function redirectUriOf(req: Request, deps: Pick<PublicAddress, "publicUrl">): URL | undefined {
  const site = siteOf(req, deps);
  return site && new URL("/login/callback", site);
}

/**
 * Neither begins nor redeems anything for a prefetch, or for a program that looks where a link
 * leads. Browsers discard a prefetch that is answered with 503; the log marks it, so that alerts
 * don't count it as a fault.
 */
const skipPrefetch: RequestHandler = (req, res, next) => {
  const purposes = ["sec-purpose", "purpose", "x-purpose", "x-moz"]
    .map((name) => req.get(name))
    .join();
  res.set("Cache-Control", "no-store");
  if (/\b(?:prefetch|prerender|preview)\b/i.test(purposes)) {
    res.locals.prefetchRefused = true;
    res.status(503).end();
  } else if (req.method === "HEAD") res.status(200).end();
  else next();
};

function isSameUser(req: Request, { issuer, subject }: Identity): boolean {
  const session = credentialOf(req);
  return session?.iss === issuer && session.user_id === subject;
}

/** The provider's error is logged to diagnose sign-in, though anybody may have written it. */
function unknownAttempt(outcome: string, parameters: URLSearchParams): SignInError {
  const error = parameters.get("error");
  return new SignInError("unknown_attempt", {
    attempt: outcome,
    ...(error !== null && { error: printable(error, 100), authenticated: false }),
  });
}

/** @throws SignInError */
function requireAdmission(identity: Identity, allowedUsers: readonly string[]): void {
  const admission = admit(allowedUsers, identity);
  if (admission === "allowed") return;
  // Enough to find the cause, without logging addresses of strangers.
  throw new SignInError(admission, {
    user_id: identity.subject,
    email_domain: printable(identity.email?.replace(/^.*@/s, "") ?? "", 100),
    cause: CAUSES[admission],
    ...(admission === "not_allowed" && !identity.ofDomain && { cause: CAUSES.other_domain }),
  });
}

const CAUSES = {
  email_missing: "neither the ID token nor userinfo has an e-mail address that is valid",
  email_unverified: "the provider says that the address is not verified",
  email_unstated:
    "neither the ID token nor userinfo has email_verified or xms_edov: see service/README.md",
  not_allowed: "neither the address nor its domain is in ALLOWED_USERS",
  other_domain:
    "the address is not in ALLOWED_USERS, and its domain does not count: nothing says that the account is the domain's own",
};
