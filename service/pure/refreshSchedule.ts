import type { Seconds } from "./seconds.ts";

/**
 * Schedules refreshes of a copy of a remote list, and decides when requests wait for one: a state
 * machine without clock, timers or I/O. `service/process/refresher.ts` drives it.
 */

export interface RefreshPolicy {
  /** Time between two refreshes. */
  readonly interval: Seconds;
  /** Random variation of intervals, as a fraction, so that instances don't refresh in step. */
  readonly jitter: number;
  /** Age from which the copy is stale, so that requests wait for a refresh. */
  readonly maxAge: Seconds;
  /** Longest time that a request waits. */
  readonly waitLimit: Seconds;
}

interface RefreshState {
  /** When the last successful refresh began; undefined before the first. */
  readonly asOf: Seconds | undefined;
  /** Failed attempts since then. */
  readonly failures: number;
  /**
   * When the next attempt is due. A start and a wait, so that setting the clock back can't delay
   * it.
   */
  readonly next: { readonly from: Seconds; readonly wait: Seconds } | undefined;
  /** When the attempt in flight began. */
  readonly inFlightSince: Seconds | undefined;
  /** Whether requests go on with the stale copy while the attempt is in flight. */
  readonly background: boolean;
}

/** Wait before the second retry; it doubles up to the interval. The first retry is immediate. */
const FIRST_BACKOFF: Seconds = 1;

/** An attempt that fails after this many wait limits or more was in flight during a freeze. */
const FROZEN_AFTER = 5;

export const NEVER_REFRESHED: RefreshState = {
  asOf: undefined,
  failures: 0,
  next: undefined,
  inFlightSince: undefined,
  background: false,
};

/**
 * Whether an age is below the limit. False for a negative age, which means that the clock was set
 * back: a time in the future can't be trusted.
 */
export function isWithin(age: Seconds, limit: Seconds): boolean {
  return age >= 0 && age < limit;
}

/** Whether an attempt is due. An older one that is still in flight was frozen and doesn't count. */
export function isDue({ next }: RefreshState, now: Seconds): boolean {
  return next === undefined || !isWithin(now - next.from, next.wait);
}

function isStale({ asOf }: RefreshState, { maxAge }: RefreshPolicy, now: Seconds): boolean {
  return asOf === undefined || !isWithin(now - asOf, maxAge);
}

/** Whether a request waits for the attempt in flight before it uses the copy. */
export function mustWait(state: RefreshState, policy: RefreshPolicy, now: Seconds): boolean {
  return state.inFlightSince !== undefined && !state.background && isStale(state, policy, now);
}

/**
 * An attempt begins. After two failures in a row, requests don't wait for a retry unless it is
 * overdue: then no request came meanwhile, and the outage may be over. A retry that is overdue by
 * an interval counts as a first attempt.
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

/**
 * The attempt in flight has read another part of the list: it is alive, so it may take longer than
 * the interval.
 * @param random from 0 to below 1
 */
export function progressed(
  state: RefreshState,
  policy: RefreshPolicy,
  now: Seconds,
  random: number,
): RefreshState {
  return { ...state, next: { from: now, wait: jittered(policy.interval, policy, random) } };
}

/** The attempt in flight succeeded: the copy is as of the time at which the attempt began. */
export function succeeded(state: RefreshState): RefreshState {
  return { ...state, asOf: state.inFlightSince, failures: 0, inFlightSince: undefined };
}

/**
 * The attempt in flight failed. One that took far too long was frozen, so it does not count as a
 * failure of the remote list.
 * @param random from 0 to below 1
 */
export function failed(
  state: RefreshState,
  policy: RefreshPolicy,
  now: Seconds,
  random: number,
): RefreshState {
  const alive = state.next?.from ?? now;
  const frozen = !isWithin(now - alive, FROZEN_AFTER * policy.waitLimit);
  const failures = frozen ? 0 : state.failures + 1;
  const backoff = Math.min(policy.interval, FIRST_BACKOFF * 2 ** (failures - 2));
  const next = { from: now, wait: jittered(backoff, policy, random) };
  return { ...state, failures, next, inFlightSince: undefined };
}

/** Whether a failed attempt is retried immediately, because a freeze can look like a timeout. */
export function isRetriedAtOnce({ failures, inFlightSince }: RefreshState): boolean {
  return failures < 2 && inFlightSince === undefined;
}

function jittered(seconds: Seconds, { jitter }: RefreshPolicy, random: number): Seconds {
  return seconds * (1 - jitter + 2 * jitter * random);
}
