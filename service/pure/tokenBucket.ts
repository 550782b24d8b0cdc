/** Allows a burst, then one more after each interval. */
export interface TokenBucket {
  /** Takes a token if there is one. */
  take(now: number): boolean;
  /** Seconds until there is a token; 0 if there is one. */
  wait(now: number): number;
}

/** What sums of fractions may be off by. */
const EPSILON = 1e-9;

/** A full bucket. `interval` and the times that it is asked at are in seconds. */
export function createTokenBucket(burst: number, interval: number): TokenBucket {
  let tokens = burst;
  let filledAt: number | undefined;

  function fill(now: number): void {
    // A clock that was set back gives nothing, and nothing is owed when it catches up.
    const elapsed = filledAt === undefined ? 0 : Math.max(0, now - filledAt);
    tokens = Math.min(burst, tokens + elapsed / interval);
    filledAt = now;
  }

  return {
    take(now) {
      fill(now);
      if (tokens < 1 - EPSILON) return false;
      tokens -= 1;
      return true;
    },
    wait(now) {
      fill(now);
      return tokens >= 1 - EPSILON ? 0 : (1 - tokens) * interval;
    },
  };
}
