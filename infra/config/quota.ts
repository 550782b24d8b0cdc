/**
 * Secret Manager's quota for calls that read no payload, per project and minute:
 * https://cloud.google.com/secret-manager/quotas
 */
const CALLS_A_MINUTE = 600;
/** Share of the quota for instances; the rest is for other stacks, deployments and people. */
const SHARE = 1 / 2;
/** Jitter shortens an interval by up to this share. */
const JITTER = 0.2;

/**
 * The shortest refresh interval, in whole seconds, at which this number of instances stays within
 * its share of the quota. Each refresh lists the secret's versions once.
 */
export function leastRefreshInterval(instances: number): number {
  return Math.ceil((instances * 60) / (CALLS_A_MINUTE * SHARE) / (1 - JITTER));
}
