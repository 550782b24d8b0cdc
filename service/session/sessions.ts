import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ErrorRequestHandler, Express } from "express";
import { filesystemSessions } from "./filesystem.ts";
import { type SealedSessionDeps, sealedSessions } from "./sealed.ts";

export interface SessionsDeps extends Omit<SealedSessionDeps, "secure" | "lifetime"> {
  readonly sessionType: "cookie" | "filesystem";
  readonly cookieSecure: boolean;
  readonly sessionLifetime: number;
  readonly instance: string;
}

/**
 * Adds sessions to an application, for the routes that are added after it. `onError` responds to a
 * request whose session can't be stored, however its route responds.
 */
export type AddSessions = (app: Express, onError: ErrorRequestHandler) => void;

/** Creates sessions of the type that SESSION_TYPE selects. */
export function createSessions(deps: SessionsDeps): AddSessions {
  const { cookieSecure: secure, sessionLifetime: lifetime } = deps;
  if (deps.sessionType === "cookie") return sealedSessions({ ...deps, secure, lifetime });
  const directory = join(tmpdir(), `phoenix-sessions-${deps.instance}`);
  return filesystemSessions({ ...deps, secure, lifetime, directory });
}
