import type { Seconds } from "./seconds.ts";

/**
 * When a copy of a remote list is refreshed, and when requests wait for that: a state machine
 * without clock, timers or I/O. `service/process/refresher.ts` drives it.
 */

export interface RefreshPolicy {
  /** Between two refreshes. */
  readonly interval: Seconds;
  /** Fraction by which intervals vary, so that instances that start together don't call together. */
  readonly jitter: number;
  /** Age from which a copy is stale: requests wait for a refresh. */
  readonly maxAge: Seconds;
  /** For how long a request waits at most. */
  readonly waitLimit: Seconds;
}

export interface RefreshState {
  /** When the last refresh that succeeded began; undefined before the first. */
  readonly asOf: Seconds | undefined;
  /** Attempts that have failed since. */
  readonly failures: number;
  /** When the next attempt is due: a span, so that a clock that is set back does not postpone it. */
  readonly next: { readonly from: Seconds; readonly wait: Seconds } | undefined;
  /** When the attempt in flight began. */
  readonly inFlightSince: Seconds | undefined;
  /** Whether requests go on with the stale copy while the attempt is in flight. */
  readonly background: boolean;
}

/** Wait before the second retry; it doubles up to the interval. The first retry does not wait. */
const FIRST_BACKOFF: Seconds = 1;

/** An attempt that fails after more wait limits than this was in flight while the process froze. */
const FROZEN_AFTER = 5;

export const NEVER_REFRESHED: RefreshState = {
  asOf: undefined,
  failures: 0,
  next: undefined,
  inFlightSince: undefined,
  background: false,
};

/**
 * Whether something is younger than the limit. False for a negative age: after a clock was set
 * back, times in the future are not to be trusted until they come.
 */
export function isWithin(age: Seconds, limit: Seconds): boolean {
  return age >= 0 && age < limit;
}

/** Whether an attempt is due, also if an older one is still in flight: that one was frozen. */
export function isDue({ next }: RefreshState, now: Seconds): boolean {
  return next === undefined || !isWithin(now - next.from, next.wait);
}

export function isStale({ asOf }: RefreshState, { maxAge }: RefreshPolicy, now: Seconds): boolean {
  return asOf === undefined || !isWithin(now - asOf, maxAge);
}

/** Whether a request waits for the attempt in flight before it uses the copy. */
export function mustWait(state: RefreshState, policy: RefreshPolicy, now: Seconds): boolean {
  return state.inFlightSince !== undefined && !state.background && isStale(state, policy, now);
}

/**
 * An attempt begins. After two failures in a row requests don't wait for a retry, unless it is
 * overdue: no request came meanwhile, so the outage may be over. After another interval it is, as far
 * as anybody knows.
 * @param random from 0 to below 1
 */
export function began(
  state: RefreshState,
  policy: RefreshPolicy,
  now: Seconds,
  random: number,
): RefreshState {
  const { next } = state;
  const overdue = next === undefined ? 0 : Math.max(0, now - next.from - next.wait);
  const failures = isWithin(overdue, policy.interval) ? state.failures : 0;
  return {
    ...state,
    failures,
    next: { from: now, wait: jittered(policy.interval, policy, random) },
    inFlightSince: now,
    background: failures > 1 && overdue < policy.waitLimit,
  };
}

/** The attempt in flight succeeded: the copy is as of the attempt's beginning. */
export function succeeded(state: RefreshState): RefreshState {
  return { ...state, asOf: state.inFlightSince, failures: 0, inFlightSince: undefined };
}

/**
 * The attempt in flight failed. One that took far too long was frozen for certain, and says nothing
 * about the list.
 * @param random from 0 to below 1
 */
export function failed(
  state: RefreshState,
  policy: RefreshPolicy,
  now: Seconds,
  random: number,
): RefreshState {
  const { inFlightSince = now } = state;
  const frozen = !isWithin(now - inFlightSince, FROZEN_AFTER * policy.waitLimit);
  const failures = frozen ? 0 : state.failures + 1;
  const backoff = Math.min(policy.interval, FIRST_BACKOFF * 2 ** (failures - 2));
  const next = { from: now, wait: jittered(backoff, policy, random) };
  return { ...state, failures, next, inFlightSince: undefined };
}

/** Whether a failed attempt is repeated at once: a freeze that ended it looks like a timeout. */
export function isRetriedAtOnce({ failures, inFlightSince }: RefreshState): boolean {
  return failures < 2 && inFlightSince === undefined;
}

function jittered(seconds: Seconds, { jitter }: RefreshPolicy, random: number): Seconds {
  return seconds * (1 - jitter + 2 * jitter * random);
}
