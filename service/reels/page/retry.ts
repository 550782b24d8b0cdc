/** How a request failed: without an answer, or with one that says to try later. */
export interface Failure {
  /** Status of the answer; undefined if there was none. */
  readonly status?: number | undefined;
  /** Its Retry-After header. */
  readonly retryAfter?: string | null | undefined;
}

/** Times that a request is made before its failure counts. */
export const MAX_ATTEMPTS = 4;

const FIRST_DELAY = 400;
const MAX_DELAY = 10_000;

/** Answers that another try may better: too many requests, and those of a busy or absent server. */
const PASSING = [408, 429, 500, 502, 503, 504];

/**
 * Milliseconds to wait before the next attempt, or undefined if there should be none. `attempt` is
 * the number of those made, `random` from 0 to 1: it keeps pages apart that failed together.
 */
export function retryDelay(failure: Failure, attempt: number, random: number): number | undefined {
  const { status, retryAfter } = failure;
  if (attempt >= MAX_ATTEMPTS) return undefined;
  if (status !== undefined && !PASSING.includes(status)) return undefined;
  const asked = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) * 1000 : Number.NaN;
  if (asked > MAX_DELAY) return undefined;
  const spread = FIRST_DELAY * 2 ** (attempt - 1) * (0.5 + random / 2);
  return Number.isNaN(asked) ? spread : asked + FIRST_DELAY * random;
}
