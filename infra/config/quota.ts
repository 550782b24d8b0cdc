/**
 * Secret Manager's quota for reading payloads, per project and minute:
 * https://cloud.google.com/secret-manager/quotas
 */
const CALLS_A_MINUTE = 90_000;
/** Calls of one refresh: one for each version that is not destroyed, one for a newer version. */
const CALLS_OF_A_REFRESH = 20;
/** Share of the quota for instances; the rest is for other stacks, deployments and people. */
const SHARE = 1 / 2;
/** Jitter shortens an interval by up to this share. */
const JITTER = 0.2;

/**
 * The shortest refresh interval, in whole seconds, at which this number of instances stays within
 * its share of the quota.
 */
export function leastRefreshInterval(instances: number): number {
  const calls = instances * CALLS_OF_A_REFRESH * 60;
  return Math.ceil(calls / (CALLS_A_MINUTE * SHARE) / (1 - JITTER));
}
