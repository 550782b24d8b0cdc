import type { Deployment } from "../contract/checks.ts";
import { readSetting } from "../contract/serviceSettings.ts";
import { collect, type Environment, type Parsed, problem } from "../contract/settings.ts";

/** The deployment's settings for refreshes and new keys. */
export interface KeyLimits {
  /** Seconds for which a new key is accepted before it signs. */
  readonly activationDelay: number;
  /** Seconds between two refreshes of the ring, without the jitter. */
  readonly refreshInterval: number;
}

/**
 * Seconds that one call to Secret Manager may take, and that a request waits for the ring. Calls
 * take some 50 ms; two seconds is what a person waits for a page without reloading it.
 */
export const READ_TIMEOUT = 2;

/** Seconds between two lookups of unknown keys: all invented key ids share one call. */
export const LOOKUP_INTERVAL = 1;

/** Retry-After in seconds if a key can't be read. */
export const RETRY_AFTER = 5;

/** Fraction by which refresh intervals vary. */
export const JITTER = 0.2;

/** Age of the ring, in intervals, from which requests wait for a refresh. */
export const MAX_AGE_INTERVALS = 2;

/** Parses the limits in the environment, with their defaults. */
export function parseKeyLimits(env: Environment, deployment?: Deployment): Parsed<KeyLimits> {
  const parsed = collect((collected) => ({
    activationDelay: collected(readSetting(env, "keyActivationDelay", deployment)),
    refreshInterval: collected(readSetting(env, "keyRefreshInterval", deployment)),
  }));
  if ("problems" in parsed) return parsed;
  const { activationDelay, refreshInterval } = parsed.value;
  const oldest = MAX_AGE_INTERVALS * refreshInterval;
  if (activationDelay > oldest) return parsed;
  return problem(
    "KEY_ACTIVATION_DELAY",
    `is not longer than two refresh intervals (${oldest} s), so a key would sign before every instance knows it`,
    `Set it to more than ${oldest}, or KEY_REFRESH_INTERVAL to less than ${activationDelay / MAX_AGE_INTERVALS}`,
  );
}
