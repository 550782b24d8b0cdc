import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import type { Express } from "express";
import { createApp } from "../../service/app.ts";
import type { Application } from "../../service/http/application.ts";
import type { SessionKey, SessionKeys } from "../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../service/keys/static.ts";
import type { OidcConfig } from "../../service/login/settings.ts";
import { createLog } from "../../service/process/log.ts";
import { sealCredential } from "../../service/session/credential.ts";
import { createSealer, type Sealer } from "../../service/session/sealer.ts";
import { type AddSessions, createSessions } from "../../service/session/sessions.ts";
import { application as notes } from "../adoption/notes/application.ts";
import { ada, grace, type LocalUser } from "../local/identity/users.ts";
import { endedHere } from "../support/endedHere.ts";
import { type CredentialData, credentialData } from "../support/sessionApp.ts";

const SERVICE = join(import.meta.dirname, "..", "..", "service");

/** The attacked service, assembled as in production. */
export interface Target {
  readonly app: Express;
  readonly sessions: AddSessions;
  readonly sealer: Sealer;
  /** Parsed lines of the log. */
  readonly lines: Record<string, unknown>[];
}

interface TargetOptions {
  readonly application?: Application;
  readonly keys?: SessionKeys;
  readonly environment?: string;
  readonly cookieSecure?: boolean;
  readonly oidc?: OidcConfig | undefined;
}

/** Unix time in seconds. */
export function clock(): number {
  return Math.floor(Date.now() / 1000);
}

export function createTarget({
  application = notes,
  keys = ring(),
  environment = "prod",
  cookieSecure = false,
  oidc,
}: TargetOptions = {}): Target {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "info",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const sealer = createSealer({ keys, environment, clock });
  const ended = endedHere(clock);
  const sessions = createSessions({
    sessionType: "cookie",
    cookieSecure,
    sessionLifetime: 604_800,
    instance: "target",
    keys,
    sealer,
    ended,
    clock,
    log,
  });
  const app = createApp({
    log,
    instance: "target",
    project: "phoenix-test",
    keys,
    sealer,
    sessions,
    ended,
    trustedProxies: 1,
    cookieSecure,
    signIn: { oidc, allowedUsers: [] },
    clock,
    draining: () => false,
    application,
    directory: SERVICE,
  });
  return { app, sessions, sealer, lines };
}

/** Starts a server with the service's options. */
export function createTargetServer(listener: RequestListener) {
  return createServer({ keepAliveTimeout: 620_000 }, listener);
}

function keyOf(kid: string): SessionKey {
  const signer = createStaticKeys(`the payload of version ${kid} `.padEnd(48, "x")).signer();
  if (signer === undefined) throw new Error("A static key always signs.");
  return { kid, secret: signer.secret };
}

const RETIRED = "1";
const ACCEPTED = "2";
const SIGNING = "3";
const KEYS = new Map([RETIRED, ACCEPTED, SIGNING].map((kid) => [kid, keyOf(kid)]));

/** Three versions: 1 is disabled, 2 is accepted, and 3 or `signing` signs. */
export function ring(signing = SIGNING): SessionKeys {
  return {
    refresh: () => undefined,
    find(kid) {
      const key = KEYS.get(kid);
      if (key === undefined) return { status: "unknown" };
      return kid === RETIRED ? { status: "retired" } : { status: "found", key };
    },
    signer: () => KEYS.get(signing),
    readiness: () => ({ ready: true }),
  };
}

/** A credential as sign-in creates it, with an ID token of realistic length. */
export function sessionOf({ sub, email }: LocalUser): CredentialData & { id_token: string } {
  const part = (length: number) => Buffer.alloc(length, sub).toString("base64url");
  const id_token = [24, 548, 256].map(part).join(".");
  return { ...credentialData(sub, { user_email: email }), id_token };
}

/** A new token for a cookie, sealed with a key. */
export function tokenFor(
  user: LocalUser,
  { name = "session", kid = SIGNING, environment = "prod" } = {},
): string {
  const sealer = createSealer({ keys: ring(kid), environment, clock });
  const { id_token, ...data } = sessionOf(user);
  const credential = { ...data, iat: clock(), exp: clock() + 604_800 };
  return sealCredential(sealer, name, credential, id_token);
}

/** A cookie's value as the service writes it. */
export function cookieOf(token: string): string {
  return Buffer.from(JSON.stringify({ sealed: token })).toString("base64");
}

/** Valid tokens of two users, and tokens of other keys, purposes and environments. */
export interface Tokens {
  readonly ada: string;
  readonly grace: string;
  /** Sealed with the previous key; still valid. */
  readonly older: string;
  /** Must never be accepted as a session. */
  readonly foreign: readonly string[];
}

export function createTokens(): Tokens {
  return {
    ada: tokenFor(ada),
    grace: tokenFor(grace),
    older: tokenFor(ada, { kid: ACCEPTED }),
    foreign: [
      tokenFor(ada, { kid: RETIRED }),
      tokenFor(ada, { environment: "dev" }),
      tokenFor(ada, { environment: "" }),
      tokenFor(ada, { name: "sign-in" }),
      tokenFor(ada, { name: "another" }),
      tokenFor(ada, { name: "__Host-session" }),
      tokenFor(ada, { name: "Session" }),
    ],
  };
}
