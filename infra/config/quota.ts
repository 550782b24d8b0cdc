/**
 * Calls a minute that a project may make to Secret Manager besides reading payloads:
 * https://cloud.google.com/secret-manager/quotas
 */
const CALLS_A_MINUTE = 600;
/** Half of them are the instances'; the rest is for other stacks, deployments and people. */
const SHARE = 1 / 2;
/** An instance reads the list up to this much earlier than its interval says. */
const JITTER = 0.2;

/**
 * The shortest interval, in whole seconds, at which so many instances can each read the list of
 * the secret's versions within their share of the quota.
 */
export function leastRefreshInterval(instances: number): number {
  return Math.ceil((instances * 60) / (CALLS_A_MINUTE * SHARE) / (1 - JITTER));
}
