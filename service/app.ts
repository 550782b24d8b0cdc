import { join } from "node:path";
import express, { type Express, type RequestHandler } from "express";
import helmet from "helmet";
import type { Logger } from "pino";
import type { EndedSessions } from "./ended/endedSessions.ts";
import type { Application } from "./http/application.ts";
import { errorHandler, notFound } from "./http/errorPages.ts";
import { healthRoutes } from "./http/health.ts";
import { homeRoutes } from "./http/home.ts";
import { type PublicAddress, redirectToPublicUrl } from "./http/publicUrl.ts";
import { staticFiles } from "./http/staticFiles.ts";
import type { SessionKeys } from "./keys/sessionKeys.ts";
import { backchannelRoutes } from "./login/backchannel.ts";
import { csrfProtection } from "./login/csrf.ts";
import { lazyClient } from "./login/lazyClient.ts";
import { createPendingSignOuts } from "./login/pendingSignOuts.ts";
import { signInRoutes } from "./login/routes.ts";
import type { SignInSettings } from "./login/settings.ts";
import { requestLog } from "./process/log.ts";
import type { Seconds } from "./pure/seconds.ts";
import type { Sealer } from "./session/sealer.ts";
import { isSignedIn } from "./session/session.ts";
import type { AddSessions } from "./session/sessions.ts";

interface AppDeps extends PublicAddress {
  readonly log: Logger;
  /** Random name of this instance. */
  readonly instance: string;
  /** Google Cloud project; undefined outside Google Cloud. */
  readonly project: string | undefined;
  readonly keys: SessionKeys;
  readonly sealer: Sealer;
  readonly sessions: AddSessions;
  readonly ended: EndedSessions;
  readonly cookieSecure: boolean;
  /** Number of entries of X-Forwarded-For that proxies have appended. */
  readonly trustedProxies: number;
  readonly signIn: SignInSettings;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  /** Whether the process is draining after SIGTERM. */
  readonly draining: () => boolean;
  readonly application: Application;
  /** Folder of the service, which has the static files. */
  readonly directory: string;
}

/** Limit for request bodies. A session's data is far smaller. */
const BODY_LIMIT = "16kb";

/** Creates the web service. Each request passes the middleware in the order given here. */
export function createApp(deps: AppDeps): Express {
  const { application, directory } = deps;
  const ownDirectory = join(directory, application.folder);
  const app = express();
  app.disable("x-powered-by");
  // Outside "production", Express shows stack traces of errors thrown in the error handler.
  app.set("env", "production");
  // What a client wrote into X-Forwarded-For comes before what the proxies append.
  app.set("trust proxy", deps.trustedProxies);
  // No ETags on dynamic responses.
  app.set("etag", () => undefined);

  app.use(requestLog(deps));
  app.use(instanceHeader(deps));
  app.use(securityHeaders(deps.cookieSecure));
  app.use(healthRoutes(deps));
  app.use(redirectToPublicUrl(deps));
  app.use(`/static/${application.folder}`, staticFiles(join(ownDirectory, "public")));
  app.use("/static", staticFiles(join(directory, "http", "public")));

  const client = lazyClient(deps.signIn.oidc, deps.clock);
  app.use(backchannelRoutes({ ...deps, client }));

  const onError = errorHandler(deps);
  deps.sessions(app, onError);
  app.use(forSignedIn(express.json({ limit: BODY_LIMIT })));
  app.use(forSignedIn(express.urlencoded({ extended: false, limit: BODY_LIMIT })));
  app.use(csrfProtection(deps));
  const pendingSignOuts = createPendingSignOuts(deps);
  app.use(pendingSignOuts.retry);
  app.use(homeRoutes(application));
  const { allowedUsers } = deps.signIn;
  app.use(signInRoutes({ ...deps, client, allowedUsers, pendingSignOuts }));
  app.use(application.routes({ ...deps, directory: ownDirectory }));

  app.use(notFound());
  app.use(onError);
  return app;
}

function instanceHeader({ instance }: AppDeps): RequestHandler {
  return (_req, res, next) => {
    res.setHeader("X-Instance", instance);
    next();
  };
}

/**
 * Parses bodies only for signed-in users, so that strangers' slow bodies don't occupy request
 * slots.
 */
function forSignedIn(parseBody: RequestHandler): RequestHandler {
  return (req, res, next) => {
    if (isSignedIn(req)) parseBody(req, res, next);
    else next();
  };
}

/** Allows resources from this origin only, and forbids other origins to frame its pages. */
function securityHeaders(https: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        mediaSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        ...(https && { upgradeInsecureRequests: [] }),
      },
    },
    strictTransportSecurity: https && { maxAge: 63_072_000, includeSubDomains: false },
    referrerPolicy: { policy: "same-origin" },
    xFrameOptions: { action: "deny" },
  });
}
