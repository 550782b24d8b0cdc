import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RequestHandler } from "express";
import type { SessionKeys } from "../keys/sessionKeys.ts";
import type { Seconds } from "../pure/seconds.ts";
import { createCarrier } from "./carrier.ts";
import { sessionCookie } from "./cookie.ts";
import { filesystemSessions } from "./filesystem.ts";
import { sealedSessions } from "./middleware.ts";
import type { Sealer } from "./sealer.ts";

export interface SessionsDeps {
  readonly sessionType: "cookie" | "filesystem";
  readonly cookieSecure: boolean;
  readonly sessionLifetime: Seconds;
  readonly instance: string;
  readonly keys: SessionKeys;
  readonly sealer: Sealer;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

/** The session middleware that SESSION_TYPE asks for. */
export function createSessions(deps: SessionsDeps): RequestHandler {
  const { keys, sealer, clock, sessionLifetime: lifetime } = deps;
  const cookie = sessionCookie(deps.cookieSecure);
  if (deps.sessionType === "filesystem") {
    const directory = join(tmpdir(), `phoenix-sessions-${deps.instance}`);
    return filesystemSessions({ ...cookie, lifetime, keys, directory });
  }
  const carrier = createCarrier(cookie);
  return sealedSessions({ name: cookie.name, carrier, lifetime, keys, sealer, clock });
}
