/** A rate limiter: holds a burst of tokens, and gains one in each interval. */
interface TokenBucket {
  /** Takes a token; false if there is none. */
  take(now: number): boolean;
  /** Seconds until a token is available; 0 if one is now. */
  wait(now: number): number;
}

/** Tolerance for rounding errors. */
const EPSILON = 1e-9;

/** Creates a full bucket. `interval` and `now` are in seconds. */
export function createTokenBucket(burst: number, interval: number): TokenBucket {
  let tokens = burst;
  let filledAt: number | undefined;

  function fill(now: number): void {
    // A clock that is set back adds no tokens and takes none.
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
