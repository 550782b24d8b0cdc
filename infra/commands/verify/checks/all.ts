import type { Observations } from "../observations.ts";
import {
  type Comparison,
  cookieName,
  earlierSession,
  headersKept,
  instancesReplaced,
  lifetimeKept,
} from "./before.ts";
import { caching } from "./caching.ts";
import type { Check, Verdict } from "./check.ts";
import { cookieSize, lifetime, sessionCookie, signInCookie } from "./cookies.ts";
import { csrf } from "./csrf.ts";
import { contentSecurityPolicy, plainHeaders, strictTransport } from "./headers.ts";
import { health } from "./health.ts";
import { logout } from "./logout.ts";
import { clips, reelMaker } from "./reelMaker.ts";
import { forgeries, pageRedirect, unauthorized } from "./refusals.ts";
import { instances, serverErrors, sessions } from "./sessions.ts";
import { signIn } from "./signIn.ts";
import { clock, https } from "./transport.ts";

/** A check and what it says. */
export type Result = Verdict & Pick<Check, "id" | "title">;

/** In the order in which they are shown: what users meet first. */
const CHECKS: readonly Check[] = [
  health,
  signIn,
  reelMaker,
  clips,
  sessions,
  instances,
  serverErrors,
  logout,
  csrf,
  unauthorized,
  pageRedirect,
  forgeries,
  sessionCookie,
  signInCookie,
  cookieSize,
  lifetime,
  caching,
  contentSecurityPolicy,
  plainHeaders,
  strictTransport,
  https,
  clock,
];

const COMPARISONS: readonly Comparison[] = [
  earlierSession,
  cookieName,
  lifetimeKept,
  headersKept,
  instancesReplaced,
];

/** What every check says about what was seen, and every comparison if there is something to compare. */
export function judge(seen: Observations): Result[] {
  const { before } = seen;
  const results = CHECKS.map(({ id, title, judge }): Result => ({ id, title, ...judge(seen) }));
  if (before === undefined) return results;
  return [
    ...results,
    ...COMPARISONS.map(({ id, title, judge }): Result => ({ id, title, ...judge(before, seen) })),
  ];
}
