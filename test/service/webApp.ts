import type { RequestListener } from "node:http";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { createApp } from "../../service/app.ts";
import type { PublicAddress } from "../../service/http/publicUrl.ts";
import type { SessionKeys } from "../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../service/keys/static.ts";
import type { OidcConfig } from "../../service/login/settings.ts";
import { createLog } from "../../service/process/log.ts";
import { createSealer } from "../../service/session/sealer.ts";
import { createSessions } from "../../service/session/sessions.ts";
import { application } from "../adoption/notes/application.ts";
import { endedHere } from "../support/endedHere.ts";
import { SECRET } from "../support/sessionApp.ts";

const SERVICE = join(import.meta.dirname, "..", "..", "service");

export const INSTANCE = "abc123";
export const PROJECT = "acme-phoenix";

export interface WebAppOptions extends PublicAddress {
  readonly cookieSecure?: boolean;
  readonly trustedProxies?: number;
  readonly keys?: SessionKeys;
  readonly oidc?: OidcConfig;
  readonly project?: string | undefined;
  readonly level?: string;
  readonly draining?: () => boolean;
  /** A second destination of the log's lines. */
  readonly write?: (line: string) => void;
}

export interface WebApp {
  readonly listener: RequestListener;
  /** Raw lines of the log. */
  written(): Promise<readonly string[]>;
  /** Parsed lines of the log. */
  lines(): Promise<Record<string, unknown>[]>;
}

/** The whole web service with a small application, and its log. */
export function webApp(options: WebAppOptions = {}): WebApp {
  const project = "project" in options ? options.project : PROJECT;
  const {
    cookieSecure = false,
    trustedProxies = 1,
    keys = createStaticKeys(SECRET),
    oidc,
    level = "trace",
    draining = () => false,
    write = () => {},
    publicUrl,
    alsoServedAt = [],
  } = options;
  const written: string[] = [];
  const log = createLog({
    level,
    destination: {
      write(line) {
        written.push(line);
        write(line);
      },
    },
  });
  const clock = () => Math.floor(Date.now() / 1000);
  const sealer = createSealer({ keys, environment: "test", clock });
  const ended = endedHere(clock);
  const sessions = createSessions({
    sessionType: "cookie",
    cookieSecure,
    sessionLifetime: 604_800,
    instance: INSTANCE,
    keys,
    sealer,
    ended,
    clock,
    log,
  });
  const app = createApp({
    log,
    instance: INSTANCE,
    project,
    keys,
    sealer,
    sessions,
    ended,
    cookieSecure,
    trustedProxies,
    signIn: { oidc, allowedUsers: [] },
    publicUrl,
    alsoServedAt,
    clock,
    draining,
    application,
    directory: SERVICE,
  });
  let underWay = 0;
  // A client may receive the response before its line is logged.
  async function settled(): Promise<readonly string[]> {
    while (underWay > 0) await turn();
    return written;
  }
  return {
    listener(req, res) {
      underWay += 1;
      res.once("close", () => {
        underWay -= 1;
      });
      app(req, res);
    },
    written: settled,
    lines: async () => (await settled()).map((line) => JSON.parse(line)),
  };
}
