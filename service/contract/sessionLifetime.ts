import type { Seconds } from "../pure/seconds.ts";
import { type Environment, type Parsed, wholeNumber } from "./settings.ts";

/** Seven days. */
const DEFAULT_LIFETIME = 604_800;
/** Browsers keep no cookie for longer than 400 days: RFC 6265bis, 5.5. */
export const MAX_LIFETIME = 34_560_000;

/** Seconds from sign-in until a session ends, and so for how long old keys are needed. */
export function parseSessionLifetime(env: Environment): Parsed<Seconds> {
  return wholeNumber(env, "PERMANENT_SESSION_LIFETIME", {
    unit: "seconds",
    min: 1,
    max: MAX_LIFETIME,
    fallback: DEFAULT_LIFETIME,
  });
}
