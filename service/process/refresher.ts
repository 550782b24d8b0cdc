import {
  began,
  failed,
  isDue,
  isRetriedAtOnce,
  mustWait,
  NEVER_REFRESHED,
  progressed,
  type RefreshPolicy,
  succeeded,
} from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import { type AbortAfter, unlessAborted } from "./abort.ts";

/** A copy of a remote list, refreshed by the requests that use it. No method throws or rejects. */
interface Refresher {
  /**
   * Each request calls this before it uses the copy. Starts a refresh if one is due. Returns a
   * promise only if the copy is stale or missing. The promise resolves when the refresh has
   * succeeded or failed, or after the wait limit.
   * @param isNeeded whether the copy lacks what the request needs, so that it waits for any refresh
   * in flight
   */
  refresh(isNeeded?: () => boolean): Promise<void> | undefined;
  /** Unix time at which the last successful refresh began; undefined before the first. */
  asOf(): Seconds | undefined;
}

interface RefresherDeps<Result> {
  readonly policy: RefreshPolicy;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  /** From 0 to below 1. */
  readonly random?: (() => number) | undefined;
  readonly abortAfter?: AbortAfter | undefined;
  /**
   * Reads the remote list once; a rejection is a failure. Calls `onProgress` after each part of a
   * list that may take longer than the interval.
   */
  readonly read: (onProgress: () => void) => Promise<Result>;
  /** Called with the result and the time at which the attempt began. */
  readonly onSuccess: (result: Result, since: Seconds) => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Creates a single-flight refresher with retries and backoff. It uses no timers, because Cloud Run
 * throttles the CPU between requests. An attempt that was frozen until the next one was due is
 * superseded: its result is discarded.
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

  /** One attempt, and an immediate retry if the schedule says so. */
  async function attempt(): Promise<void> {
    attempts += 1;
    const mine = attempts;
    for (;;) {
      const since = clock();
      state = began(state, policy, since, random());
      try {
        const result = await read(() => {
          if (mine === attempts) state = progressed(state, policy, clock(), random());
        });
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
