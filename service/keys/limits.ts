import type { Deployment } from "../contract/checks.ts";
import type { Problem } from "../contract/errors.ts";
import { readSetting } from "../contract/serviceSettings.ts";
import { collect, type Environment, type Parsed, wholeNumber } from "../contract/settings.ts";

/** What bounds the ring's age and its calls to Secret Manager. All times are seconds. */
export interface KeyLimits {
  /** For how long a new key is accepted before it signs. */
  readonly activationDelay: number;
  /** Between two readings of the ring, give or take a fifth. */
  readonly refreshInterval: number;
  /** How long one call may take, and a request may wait for the ring. */
  readonly readTimeout: number;
  /** How many look-ups of unknown keys an instance may do at once. */
  readonly lookupBurst: number;
  /** After how long it may do one more. */
  readonly lookupInterval: number;
  /** For how long a key that was not found is not looked up again. */
  readonly absentTtl: number;
}

const DAY = 86_400;

/** Calls take some 50 ms; two seconds is what a person waits for a page without reloading it. */
const READ_TIMEOUT = { unit: "seconds", min: 1, max: 30, fallback: 2 };

/** More keys than come into being between two readings of the ring. */
const LOOKUP_BURST = { unit: "look-ups", min: 1, max: 1000, fallback: 10 };

/**
 * Ten a minute, and as many for the next numbers: a thousand instances under attack use less than a
 * third of a project's 90,000 accesses.
 */
const LOOKUP_INTERVAL = { unit: "seconds", min: 1, max: 3600, fallback: 6 };

/** As long as the ring's interval, after which a key that came into being is in the ring anyway. */
const ABSENT_TTL = { unit: "seconds", min: 1, max: DAY, fallback: 60 };

/** How far intervals vary, so that instances that started together don't call together. */
export const JITTER = 0.2;

/** How many intervals old a ring may be before requests wait for a new one. */
export const MAX_AGE_INTERVALS = 2;

/** Seconds after which a failed reading is repeated for the first time; doubles up to the interval. */
export const FIRST_RETRY = 1;

/**
 * How many numbers above the newest known version may have come into being, and sign already,
 * since the ring was read. That they were absent a moment ago proves nothing.
 */
export const NEXT_VERSIONS = 10;

/** Look-ups without a result that an instance remembers: 1000 are well under 100 KB. */
export const REMEMBERED_LOOKUPS = 1000;

/** Versions in one page of the list: 350 KB. A secret rotated weekly fills it in 19 years. */
export const LIST_PAGE_SIZE = 1000;

/** Pages that are read: an answer that always names a next page ends here. */
export const LIST_PAGES = 10;

/** Numbers that one reading asks for though no list named them; only a list that lags hides any. */
export const UNLISTED_VERSIONS = 100;

/** Calls that an instance has under way at once for one reading. */
export const PARALLEL_CALLS = 8;

/** Bytes of an answer that are read: ten times the largest page. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** The limits that the environment sets, with defaults for those that it doesn't. */
export function parseKeyLimits(env: Environment, deployment?: Deployment): Parsed<KeyLimits> {
  const parsed = collect((collected) => ({
    activationDelay: collected(readSetting(env, "keyActivationDelay", deployment)),
    refreshInterval: collected(readSetting(env, "keyRefreshInterval", deployment)),
    readTimeout: collected(wholeNumber(env, "KEY_READ_TIMEOUT", READ_TIMEOUT)),
    lookupBurst: collected(wholeNumber(env, "KEY_LOOKUP_BURST", LOOKUP_BURST)),
    lookupInterval: collected(wholeNumber(env, "KEY_LOOKUP_INTERVAL", LOOKUP_INTERVAL)),
    absentTtl: collected(wholeNumber(env, "KEY_ABSENT_TTL", ABSENT_TTL)),
  }));
  if ("problems" in parsed) return parsed;
  const problems = contradictions(parsed.value);
  return problems.length > 0 ? { problems } : parsed;
}

/** What a new key must have had time for before it signs. */
function contradictions({ activationDelay, refreshInterval, absentTtl }: KeyLimits): Problem[] {
  const problems: Problem[] = [];
  const oldest = MAX_AGE_INTERVALS * refreshInterval;
  if (activationDelay <= oldest) {
    problems.push({
      setting: "KEY_ACTIVATION_DELAY",
      cause: `is not longer than two refresh intervals (${oldest} s), so a key would sign before every instance knows it`,
      remedy: `Set it to more than ${oldest}, or KEY_REFRESH_INTERVAL to less than ${activationDelay / MAX_AGE_INTERVALS}`,
    });
  }
  if (activationDelay <= absentTtl) {
    problems.push({
      setting: "KEY_ABSENT_TTL",
      cause: `is not shorter than KEY_ACTIVATION_DELAY (${activationDelay} s), so a key could be taken for absent while it signs`,
      remedy: `Set it to less than ${activationDelay}`,
    });
  }
  return problems;
}
