/** How a request failed: without a response, or with an error response. */
export interface Failure {
  /** Status of the response; undefined without one. */
  readonly status?: number | undefined;
  /** Its Retry-After header. */
  readonly retryAfter?: string | null | undefined;
}

/** Most attempts of a request, the first one included. */
export const MAX_ATTEMPTS = 4;

const FIRST_DELAY = 400;
const MAX_DELAY = 10_000;

/** Statuses of transient failures. */
const TRANSIENT = [408, 429, 500, 502, 503, 504];

/**
 * Milliseconds to wait before the next attempt: exponential backoff with jitter, or Retry-After
 * with jitter. Undefined if there should be no further attempt.
 * @param attempt number of attempts so far
 * @param random from 0 to 1, for the jitter
 */
export function retryDelay(failure: Failure, attempt: number, random: number): number | undefined {
  const { status, retryAfter } = failure;
  if (attempt >= MAX_ATTEMPTS) return undefined;
  if (status !== undefined && !TRANSIENT.includes(status)) return undefined;
  const asked = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) * 1000 : Number.NaN;
  if (asked > MAX_DELAY) return undefined;
  const spread = FIRST_DELAY * 2 ** (attempt - 1) * (0.5 + random / 2);
  return Number.isNaN(asked) ? spread : asked + FIRST_DELAY * random;
}
