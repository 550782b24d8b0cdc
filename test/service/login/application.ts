import express, { type Express } from "express";
import type { EndedSessions } from "../../../service/ended/endedSessions.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { csrfProtection } from "../../../service/login/csrf.ts";
import { lazyClient } from "../../../service/login/lazyClient.ts";
import {
  createPendingSignOuts,
  type PendingSignOuts,
} from "../../../service/login/pendingSignOuts.ts";
import { requireSignIn } from "../../../service/login/requireSignIn.ts";
import { signInRoutes } from "../../../service/login/routes.ts";
import type { OidcConfig } from "../../../service/login/settings.ts";
import type { AbortAfter } from "../../../service/process/abort.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { startSession } from "../../../service/session/session.ts";
import type { ProviderName } from "../../local/identity/behaviors.ts";
import { type IdentityProvider, startIdentityProvider } from "../../local/identityProvider.ts";
import { endedHere } from "../../support/endedHere.ts";
import { SECRET, type SessionApp, sessionApp, shown, signedIn } from "../../support/sessionApp.ts";

export const CLIENT = { clientId: "phoenix", clientSecret: "a secret of the tests" };

export interface ApplicationOptions {
  readonly oidc: OidcConfig | undefined;
  readonly allowedUsers?: readonly string[];
  readonly cookieSecure?: boolean;
  readonly publicUrl?: URL;
  readonly environment?: string;
  readonly secret?: string;
  /** Seconds by which the instance's clock is ahead. Tests change it. */
  readonly time?: { ahead: number };
  readonly ended?: EndedSessions;
  readonly abortAfter?: AbortAfter;
}

/** An application with sessions, sign-in, and routes that return the session. */
export function application({
  oidc,
  allowedUsers = [],
  cookieSecure = false,
  publicUrl,
  environment = "test",
  secret = SECRET,
  time = { ahead: 0 },
  ended = endedHere(() => Math.floor(Date.now() / 1000) + time.ahead),
  abortAfter = AbortSignal.timeout,
}: ApplicationOptions): SessionApp {
  const clock = () => Math.floor(Date.now() / 1000) + time.ahead;
  const keys = createStaticKeys(secret);
  const sealer = createSealer({ keys, environment, clock });
  const client = lazyClient(oidc, clock);
  const log = {
    info: (details: object, message: string) => void written.lines.push({ ...details, message }),
    warn: (details: object, message: string) => void written.lines.push({ ...details, message }),
    error: (details: object, message: string) => void written.lines.push({ ...details, message }),
  };
  const given = { sealer, cookieSecure, clock, log, ended, abortAfter };
  const pendingSignOuts = createPendingSignOuts(given);
  const sessions = { keys, environment, cookieSecure, clock, ended };
  const written = sessionApp(sessions, (app) => {
    app.use(express.json(), express.urlencoded({ extended: false }));
    addPages(app, pendingSignOuts);
    app.use(signInRoutes({ ...given, client, allowedUsers, publicUrl, pendingSignOuts }));
  });
  return written;
}

function addPages(app: Express, { retry }: PendingSignOuts): void {
  app.post("/plant", (req, res) => {
    startSession(req, signedIn("mallory", req.body));
    req.session.note = "planted";
    res.sendStatus(204);
  });
  app.use(csrfProtection());
  app.use(retry);
  app.get("/session", (req, res) => void res.json(shown(req)));
  app.post("/change", (_req, res) => void res.sendStatus(204));
  app.get("/page", requireSignIn, (_req, res) => void res.send("a page"));
  app.get("/", (_req, res) => void res.send(res.locals.signOutPending ? "not yet" : "start page"));
  app.all("/api/thing", requireSignIn, (_req, res) => void res.json({ thing: true }));
}

/** Starts a provider with the tests' client; returns it with an application's settings. */
export async function startProvider(
  port = 0,
  name: ProviderName = "plain",
): Promise<IdentityProvider & { readonly oidc: OidcConfig }> {
  const provider = await startIdentityProvider({ port, ...CLIENT, provider: name });
  return { ...provider, oidc: { issuer: new URL(provider.issuer), ...CLIENT } };
}
