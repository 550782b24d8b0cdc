import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import express from "express";
import type { SessionReport } from "../../service/session/session.ts";
import type { AddSessions } from "../../service/session/sessions.ts";
import type { HostileCookie } from "./cookies.ts";
import { cookieOf, type Tokens } from "./target.ts";

/** The session middleware's result for a Cookie header. */
interface Received {
  readonly outcome: SessionReport["session"];
  readonly user: string | undefined;
  readonly setCookie: number;
  readonly error: unknown;
}

/** Result of a run of many cookies. */
interface Trial {
  tried: number;
  accepted: number;
  /** Number of log lines by outcome. */
  readonly outcomes: Record<string, number>;
  /** At most ten descriptions of violations. */
  readonly violations: string[];
  /** Milliseconds of the slowest cookie. */
  slowest: number;
}

/**
 * Milliseconds that one cookie may take. The limit tolerates a busy machine, and detects a regular
 * expression with catastrophic backtracking.
 */
export const LONGEST = 2_000;

const OUTCOMES = new Set<SessionReport["session"]>([
  "none",
  "ok",
  "expired",
  "tampered",
  "malformed",
  "unknown_key",
  "retired_key",
]);

/** Sends each cookie to the middleware, and checks the result. */
export function tryCookies(
  sessions: AddSessions,
  tokens: Tokens,
  cookies: Iterable<HostileCookie>,
): Trial {
  const receive = receiver(sessions);
  const good = new Set([tokens.ada, tokens.grace, tokens.older].map(cookieOf));
  const trial: Trial = { tried: 0, accepted: 0, outcomes: {}, violations: [], slowest: 0 };
  for (const { what, header } of cookies) {
    const start = performance.now();
    const received = receive(header);
    trial.slowest = Math.max(trial.slowest, performance.now() - start);
    trial.tried += 1;
    const outcome = received?.outcome ?? "nothing";
    trial.outcomes[outcome] = (trial.outcomes[outcome] ?? 0) + 1;
    if (outcome === "ok") trial.accepted += 1;
    const problem = problemWith(received, valueIn(header), good);
    if (problem !== undefined && trial.violations.length < 10) {
      trial.violations.push(`${what}: ${problem}\n${JSON.stringify(header.slice(0, 300))}`);
    }
  }
  return trial;
}

/** An application that only reads the session, without a server. */
function receiver(sessions: AddSessions): (cookie: string) => Received | undefined {
  const app = express();
  let received: Received | undefined;
  sessions(app, (error) => {
    throw error;
  });
  app.use((req, res) => {
    const { user_id: user } = req.session;
    const { session: outcome } = res.locals.session as SessionReport;
    res.writeHead(200);
    const setCookie = [res.getHeader("Set-Cookie") ?? []].flat().length;
    received = { outcome, user, setCookie, error: undefined };
  });
  return (cookie) => {
    received = undefined;
    const req = Object.assign(new IncomingMessage(new Socket()), {
      url: "/",
      method: "GET",
      headers: { cookie },
    });
    let failure: unknown;
    app(req as never, new ServerResponse(req) as never, (error: unknown) => {
      failure = error;
    });
    return received ?? (failure === undefined ? undefined : { ...FAILED, error: failure });
  };
}

const FAILED = { outcome: "none", user: undefined, setCookie: 0 } as const;

function problemWith(
  received: Received | undefined,
  value: string | undefined,
  good: ReadonlySet<string>,
): string | undefined {
  if (received === undefined) return "no answer at once";
  const { outcome, user, setCookie, error } = received;
  if (error !== undefined) return `the error ${String(error)}`;
  if (!OUTCOMES.has(outcome)) return `the outcome ${outcome}`;
  if (setCookie > 0) return "a cookie was set";
  const accepted = outcome === "ok" || user !== undefined;
  if (accepted && (value === undefined || !good.has(value))) return `accepted as ${user}`;
  return undefined;
}

/** Value of the first session cookie in a header (RFC 6265). */
function valueIn(header: string): string | undefined {
  return /(?:^|;)\s*session=([^;]*)/.exec(header)?.[1];
}
