import express, { type Express, type RequestHandler } from "express";
import { errorHandler } from "../../service/http/errorPages.ts";
import type { SessionKeys } from "../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../service/keys/static.ts";
import { createLog } from "../../service/process/log.ts";
import { createSealer } from "../../service/session/sealer.ts";
import { createSessions } from "../../service/session/sessions.ts";

export const SECRET = "a secret of more than thirty-two characters";

export interface SessionAppOptions {
  readonly keys?: SessionKeys;
  readonly environment?: string;
  readonly cookieSecure?: boolean;
  readonly sessionType?: "cookie" | "filesystem";
  readonly sessionLifetime?: number;
  readonly clock?: () => number;
  readonly instance?: string;
}

export interface SessionApp {
  readonly app: Express;
  /** What the log said, a parsed line each. */
  readonly lines: Record<string, unknown>[];
}

/** An application with nothing but sessions and error pages; routes are the test's to add. */
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
  app.use(sessionsOf(options));
  addRoutes(app);
  app.use(errorHandler({ log }));
  return { app, lines };
}

function sessionsOf(options: SessionAppOptions): RequestHandler {
  const { clock = () => Math.floor(Date.now() / 1000), environment = "test" } = options;
  const keys = options.keys ?? createStaticKeys(SECRET);
  return createSessions({
    sessionType: options.sessionType ?? "cookie",
    cookieSecure: options.cookieSecure ?? false,
    sessionLifetime: options.sessionLifetime ?? 604_800,
    instance: options.instance ?? "test",
    keys,
    sealer: createSealer({ keys, environment, clock }),
    clock,
  });
}
