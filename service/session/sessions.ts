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
 * Gives all routes that are added to an application afterwards their sessions. `onError` answers a
 * request whose session can't be kept, however its route answers.
 */
export type AddSessions = (app: Express, onError: ErrorRequestHandler) => void;

/** The sessions that SESSION_TYPE asks for. */
export function createSessions(deps: SessionsDeps): AddSessions {
  const { cookieSecure: secure, sessionLifetime: lifetime } = deps;
  if (deps.sessionType === "cookie") return sealedSessions({ ...deps, secure, lifetime });
  const directory = join(tmpdir(), `phoenix-sessions-${deps.instance}`);
  return filesystemSessions({ ...deps, secure, lifetime, directory });
}
