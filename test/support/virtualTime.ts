import { getEventListeners } from "node:events";

/** Time that a test controls. */
export interface VirtualTime {
  /** Unix seconds. */
  now(): number;
  /** Advances the time, and runs everything that is due at its own time. */
  advance(seconds: number): Promise<void>;
  /** Sets the clock without running anything, like the correction of a wrong clock. */
  jump(seconds: number): void;
  /** `AbortSignal.timeout` in this time. */
  readonly abortAfter: (milliseconds: number) => AbortSignal;
  /** Waits for a promise, and advances the time only as far as needed. */
  settle<Result>(promise: Result | Promise<Result>): Promise<Result>;
}

const START = Date.UTC(2026, 0, 1) / 1000;

export function createVirtualTime(start = START): VirtualTime {
  /** Seconds passed; the clock differs after a jump. */
  let passed = 0;
  let offset = start;
  const alarms = new Set<{ readonly at: number; readonly controller: AbortController }>();

  async function passUntil(end: number): Promise<void> {
    await idle();
    for (;;) {
      const due = [...alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      const [first] = due;
      if (first === undefined) break;
      passed = Math.max(passed, first.at);
      alarms.delete(first);
      const awaited = isAwaited(first.controller);
      first.controller.abort(new DOMException("Too late", "TimeoutError"));
      if (awaited) await idle();
    }
    passed = end;
  }

  return {
    now: () => offset + passed,
    advance: (seconds) => passUntil(passed + seconds),
    jump(seconds) {
      offset += seconds;
    },
    abortAfter(milliseconds) {
      const controller = new AbortController();
      alarms.add({ at: passed + milliseconds / 1000, controller });
      return controller.signal;
    },
    async settle(promise) {
      let settled = false;
      const watched = Promise.resolve(promise).finally(() => {
        settled = true;
      });
      watched.catch(() => undefined);
      for (;;) {
        await idle();
        if (settled) break;
        const awaited = [...alarms].filter(({ controller }) => isAwaited(controller));
        if (awaited.length === 0) break;
        await passUntil(Math.max(passed, Math.min(...awaited.map(({ at }) => at))));
      }
      return watched;
    },
  };
}

function isAwaited({ signal }: AbortController): boolean {
  return getEventListeners(signal, "abort").length > 0;
}

/** Waits until nothing more happens without time passing: a few turns of the event loop. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}
