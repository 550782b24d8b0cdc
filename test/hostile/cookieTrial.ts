import type { RequestHandler } from "express";
import type { SessionData, SessionReport } from "../../service/session/session.ts";
import type { HostileCookie } from "./cookies.ts";
import { cookieOf, type Tokens } from "./target.ts";

/** What the session middleware made of a Cookie header. */
interface Received {
  readonly outcome: SessionReport["session"];
  readonly user: string | undefined;
  readonly setCookie: number;
  readonly error: unknown;
}

/** What a run of many cookies came to. */
export interface Trial {
  tried: number;
  accepted: number;
  /** How often each outcome was logged. */
  readonly outcomes: Record<string, number>;
  /** What should not have happened, at most ten times. */
  readonly violations: string[];
  /** Milliseconds of the slowest one. */
  slowest: number;
}

/**
 * Milliseconds that one cookie may take. A pause of the whole machine is no fault of the code's; a
 * regular expression gone wild would be.
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

/** Sends each cookie to the middleware, and holds what comes of it against what may. */
export function tryCookies(
  sessions: RequestHandler,
  tokens: Tokens,
  cookies: Iterable<HostileCookie>,
): Trial {
  const good = new Set([tokens.ada, tokens.grace, tokens.older].map(cookieOf));
  const trial: Trial = { tried: 0, accepted: 0, outcomes: {}, violations: [], slowest: 0 };
  for (const { what, header } of cookies) {
    const start = performance.now();
    const received = receive(sessions, header);
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

/** Runs the middleware on as much of a request and a response as it uses. */
function receive(sessions: RequestHandler, cookie: string): Received | undefined {
  const req = { headers: { cookie }, protocol: "https", socket: {} } as {
    headers: object;
    session?: SessionData;
  };
  const setCookies: unknown[] = [];
  const res = {
    locals: {} as { session?: SessionReport },
    setHeader: () => res,
    appendHeader: (_name: string, value: unknown) => setCookies.push(value),
    writeHead: () => res,
  };
  let done: { readonly error: unknown } | undefined;
  try {
    sessions(req as never, res as never, (error?: unknown) => {
      done = { error };
    });
    res.writeHead();
  } catch (error) {
    done = { error };
  }
  const outcome = res.locals.session?.session;
  if (done === undefined || outcome === undefined) return undefined;
  return { ...done, outcome, user: req.session?.user_id, setCookie: setCookies.length };
}

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

/** The first session cookie of a header, by RFC 6265. */
function valueIn(header: string): string | undefined {
  return /(?:^|;)\s*session=([^;]*)/.exec(header)?.[1];
}
