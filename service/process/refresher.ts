import {
  began,
  failed,
  isDue,
  isRetriedAtOnce,
  mustWait,
  NEVER_REFRESHED,
  type RefreshPolicy,
  succeeded,
} from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import { type AbortAfter, unlessAborted } from "./abort.ts";

/** A copy of a remote list, refreshed by the requests that use it. No method throws or rejects. */
export interface Refresher {
  /**
   * Called by each request before it uses the copy. Starts a refresh if one is due. Returns a promise
   * only if the copy is stale, or not there yet: it resolves when the refresh has ended, well or not,
   * or after the wait limit.
   * @param isNeeded whether the request can do nothing with the copy as it is: then it waits for any
   * refresh in flight
   */
  refresh(isNeeded?: () => boolean): Promise<void> | undefined;
  /** When the last refresh that succeeded began, in Unix seconds; undefined before the first. */
  asOf(): Seconds | undefined;
}

export interface RefresherDeps<Result> {
  readonly policy: RefreshPolicy;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  /** From 0 to below 1. */
  readonly random?: (() => number) | undefined;
  readonly abortAfter?: AbortAfter | undefined;
  /** One attempt; a rejection is a failure. */
  readonly read: () => Promise<Result>;
  /** Called with the result and the time at which the attempt began. */
  readonly onSuccess: (result: Result, since: Seconds) => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Single-flight, with retries and backoff. There are no timers, because Cloud Run takes an instance's
 * CPU away between requests. An attempt that was frozen for so long that the next was due is
 * superseded: neither callback hears of it.
 *
 * ```ts
 * const feed = createRefresher({
 *   policy: { interval: 10, jitter: 0.2, maxAge: 20, waitLimit: 2 },
 *   clock,
 *   read: () => listNewMarks(),
 *   onSuccess: (marks, since) => remember(marks, since),
 *   onFailure: (error) => log.error({ event: "feed_stale", cause: messageOf(error) }, "..."),
 * });
 * // for each request
 * const waiting = feed.refresh();
 * if (waiting !== undefined) await waiting;
 * ```
 */
export function createRefresher<Result>({
  policy,
  clock,
  random = Math.random,
  abortAfter = AbortSignal.timeout,
  read,
  onSuccess,
  onFailure,
}: RefresherDeps<Result>): Refresher {
  let state = NEVER_REFRESHED;
  let inFlight: Promise<void> | undefined;
  let attempts = 0;

  /** One attempt, and a second one at once if the schedule says so. */
  async function attempt(): Promise<void> {
    attempts += 1;
    const mine = attempts;
    for (;;) {
      const since = clock();
      state = began(state, policy, since, random());
      try {
        const result = await read();
        if (mine !== attempts) return;
        state = succeeded(state);
        inFlight = undefined;
        return onSuccess(result, since);
      } catch (error) {
        if (mine !== attempts) return;
        state = failed(state, policy, clock(), random());
        if (!isRetriedAtOnce(state)) inFlight = undefined;
        onFailure(error);
      }
      if (inFlight === undefined) return;
    }
  }

  function beginIfDue(): void {
    if (isDue(state, clock())) inFlight = attempt();
  }

  async function wait(isNeeded: () => boolean): Promise<void> {
    const limit = abortAfter(policy.waitLimit * 1000);
    while (
      inFlight !== undefined &&
      !limit.aborted &&
      (mustWait(state, policy, clock()) || isNeeded())
    ) {
      await unlessAborted(inFlight, limit).catch(() => undefined);
      beginIfDue();
    }
  }

  return {
    refresh(isNeeded = () => false) {
      beginIfDue();
      if (inFlight === undefined) return undefined;
      return mustWait(state, policy, clock()) || isNeeded() ? wait(isNeeded) : undefined;
    },
    asOf: () => state.asOf,
  };
}
