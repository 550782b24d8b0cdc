import express, { type Express, type Request } from "express";
import { errorHandler } from "../../service/http/errorPages.ts";
import type { SessionKeys } from "../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../service/keys/static.ts";
import { createLog } from "../../service/process/log.ts";
import type { SessionCheck } from "../../service/session/sealed.ts";
import { createSealer } from "../../service/session/sealer.ts";
import type { Credential, SignedIn } from "../../service/session/session.ts";
import { createSessions } from "../../service/session/sessions.ts";
import { endedHere } from "./endedHere.ts";

export const SECRET = "a secret of more than thirty-two characters";

export interface SessionAppOptions {
  readonly keys?: SessionKeys;
  readonly environment?: string;
  readonly cookieSecure?: boolean;
  readonly sessionType?: "cookie" | "filesystem";
  readonly sessionLifetime?: number;
  readonly clock?: () => number;
  readonly instance?: string;
  readonly ended?: SessionCheck;
}

export interface SessionApp {
  readonly app: Express;
  /** Parsed lines of the log. */
  readonly lines: Record<string, unknown>[];
}

/** An application with sessions and error pages only. The test adds routes. */
export function sessionApp(
  options: SessionAppOptions,
  addRoutes: (app: Express) => void,
): SessionApp {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "info",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const app = express();
  app.set("trust proxy", 1);
  const onError = errorHandler({ log });
  const { clock = () => Math.floor(Date.now() / 1000), environment = "test" } = options;
  const keys = options.keys ?? createStaticKeys(SECRET);
  const addSessions = createSessions({
    sessionType: options.sessionType ?? "cookie",
    cookieSecure: options.cookieSecure ?? false,
    sessionLifetime: options.sessionLifetime ?? 604_800,
    instance: options.instance ?? "test",
    keys,
    sealer: createSealer({ keys, environment, clock }),
    ended: options.ended ?? endedHere(clock),
    clock,
    log,
  });
  addSessions(app, onError);
  addRoutes(app);
  app.use(onError);
  return { app, lines };
}

/** An identity as sign-in passes it to `startSession`. */
export function signedIn(user_id: string, details: Partial<SignedIn> = {}): SignedIn {
  return {
    user_id,
    user_email: `${user_id}@example.com`,
    id_token: "a.b.c",
    iss: "https://accounts.example",
    of_domain: true,
    ...details,
  };
}

/** The fields of a session, for a response. */
export function shown({ session }: Request): object {
  const { user_id, user_email, csrf_token, id_token, ...data } = session;
  return { user_id, user_email, csrf_token, id_token, ...data };
}

/** Content of a credential without its times. */
export type CredentialData = Omit<Credential, "iat" | "exp">;

/** A credential whose `sid` and CSRF token derive from the user, so that tests know them. */
export function credentialData(
  user_id: string,
  details: Partial<CredentialData> = {},
): CredentialData {
  const { id_token: _, ...identity } = signedIn(user_id);
  return {
    sid: Buffer.alloc(16, user_id).toString("base64url"),
    csrf_token: Buffer.alloc(32, user_id).toString("base64url"),
    user_email: undefined,
    ...identity,
    ...details,
  };
}
