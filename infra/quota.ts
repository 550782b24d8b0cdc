/**
 * Calls a minute that a project may make to Secret Manager besides reading payloads:
 * https://cloud.google.com/secret-manager/quotas
 */
const CALLS_A_MINUTE = 600;
/** Half of them are for the instances' readings of the list... */
const REFRESH_SHARE = 1 / 2;
/** ...a quarter for look-ups of unknown keys, and the rest for rotations and people. */
const LOOKUP_SHARE = 1 / 4;
/** An instance reads the list up to this much earlier than its interval says. */
const JITTER = 0.2;

/**
 * The shortest intervals, in whole seconds, at which so many instances together stay within their
 * shares of the quota.
 */
export function leastIntervals(instances: number): { refresh: number; lookup: number } {
  const interval = (share: number) => (instances * 60) / (CALLS_A_MINUTE * share);
  return {
    refresh: Math.ceil(interval(REFRESH_SHARE) / (1 - JITTER)),
    lookup: Math.max(1, Math.ceil(interval(LOOKUP_SHARE))),
  };
}
