import { createSecretKey, randomUUID } from "node:crypto";
import { join } from "node:path";
import express, { type Express, type RequestHandler } from "express";
import onHeaders from "on-headers";
import { createApp } from "../../../../../service/app.ts";
import { application } from "../../../../../service/application.ts";
import type { EndedSessions } from "../../../../../service/ended/endedSessions.ts";
import type { SessionKeys } from "../../../../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../../../../service/keys/static.ts";
import type { OidcConfig } from "../../../../../service/login/settings.ts";
import { createLog } from "../../../../../service/process/log.ts";
import { createSealer } from "../../../../../service/session/sealer.ts";
import { createSessions } from "../../../../../service/session/sessions.ts";
import { endedHere } from "../../../../support/endedHere.ts";
import { type RunningServer, serve } from "../../../../support/httpServer.ts";

export interface InstanceOptions {
  readonly oidc: OidcConfig | undefined;
  readonly instance?: string;
  readonly secret?: string;
  readonly keys?: SessionKeys;
  readonly environment?: string;
  readonly cookieSecure?: boolean;
  readonly lifetime?: number;
  readonly sessionType?: "cookie" | "filesystem";
  /** Its ended sessions; default: shared by all instances. */
  readonly ended?: EndedSessions;
  /** Middleware in front of the service that introduces a fault. */
  readonly damage?: RequestHandler;
}

const SECRET = "a secret of more than thirty-two characters";
const SERVICE = join(import.meta.dirname, "../../../../../service");

const clock = () => Math.floor(Date.now() / 1000);

/** Ended sessions that instances share without delay. */
const SHARED = endedHere(clock);

/** An instance of the whole application, in this process. */
export function instance({
  oidc,
  instance = randomUUID().slice(0, 6),
  secret = SECRET,
  keys = createStaticKeys(secret),
  environment = "test",
  cookieSecure = false,
  lifetime = 604_800,
  sessionType = "cookie",
  damage,
  ended = SHARED,
}: InstanceOptions): Express {
  const sealer = createSealer({ keys, environment, clock });
  const sessionLifetime = lifetime;
  const log = createLog({ level: "fatal" });
  const app = express();
  app.disable("x-powered-by");
  if (damage !== undefined) app.use(damage);
  app.use(
    createApp({
      log,
      instance,
      project: undefined,
      keys,
      sealer,
      sessions: createSessions({
        sessionType,
        cookieSecure,
        sessionLifetime,
        instance,
        keys,
        sealer,
        ended,
        clock,
        log,
      }),
      ended,
      cookieSecure,
      trustedProxies: 1,
      signIn: { oidc, allowedUsers: [] },
      clock,
      draining: () => false,
      application,
      directory: SERVICE,
    }),
  );
  return app;
}

/** A site whose instances answer in turn. A deployment replaces them at the same address. */
export interface Site extends RunningServer {
  deploy(...instances: readonly Express[]): void;
}

export async function site(...instances: readonly Express[]): Promise<Site> {
  let deployed = instances;
  let next = 0;
  const running = await serve((req, res) => deployed[next++ % deployed.length]?.(req, res));
  return {
    ...running,
    deploy(...others) {
      deployed = others;
    },
  };
}

/** Keys by version: all are accepted, and the last one signs. */
export function versions(...numbers: readonly number[]): SessionKeys {
  const keys = numbers.map((number) => ({
    kid: String(number),
    secret: createSecretKey(Buffer.from(`${SECRET} of version ${number}`)),
  }));
  return {
    refresh: () => undefined,
    find(kid) {
      const key = keys.find((candidate) => candidate.kid === kid);
      return key === undefined ? { status: "unknown" } : { status: "found", key };
    },
    signer: () => keys.at(-1),
    readiness: () => ({ ready: true }),
  };
}

/** Changes headers of responses. */
export function headers(
  change: (set: (name: string, value: string) => void, get: (name: string) => string) => void,
): RequestHandler {
  return (_req, res, next) => {
    onHeaders(res, () => {
      const get = (name: string) => String(res.getHeader(name) ?? "");
      change((name, value) => void res.setHeader(name, value), get);
    });
    next();
  };
}

/** Changes each Set-Cookie header. */
export function cookies(change: (line: string) => string): RequestHandler {
  return (_req, res, next) => {
    onHeaders(res, () => {
      const lines = res.getHeader("set-cookie");
      if (lines === undefined) return;
      res.setHeader(
        "set-cookie",
        [lines].flat().map((line) => change(String(line))),
      );
    });
    next();
  };
}

/** Answers some requests itself. */
export function instead(
  matches: (method: string, path: string, cookie: string | undefined) => boolean,
  answer: (res: express.Response) => void,
): RequestHandler {
  return (req, res, next) => {
    if (matches(req.method, req.path, req.headers.cookie)) answer(res);
    else next();
  };
}

/**
 * A fetch for which a local site is `https://phoenix.test`, as if behind a front end that
 * terminates TLS. `plain` answers http requests.
 */
export function behindTls(
  url: string,
  plain: () => Response = () => Response.redirect("https://phoenix.test/", 302),
): typeof fetch {
  return async (input, init) => {
    const asked = new URL(String(input));
    if (asked.protocol === "http:") return plain();
    const target = new URL(asked.pathname + asked.search, url);
    const sent = new Headers(init?.headers);
    sent.set("x-forwarded-proto", "https");
    return fetch(target, { ...init, headers: sent });
  };
}
