import { getEventListeners } from "node:events";

/** Time that passes only when a test says so. */
export interface VirtualTime {
  /** Unix seconds. */
  now(): number;
  /** Lets time pass, and what is due by then happen at its time. */
  advance(seconds: number): Promise<void>;
  /** Sets the clock without anything else happening: what a wrong clock's correction does. */
  jump(seconds: number): void;
  /** `AbortSignal.timeout` of this time. */
  readonly abortAfter: (milliseconds: number) => AbortSignal;
  /** The promise's result; time passes only as far as it has to for that. */
  settle<Result>(promise: Result | Promise<Result>): Promise<Result>;
}

const START = Date.UTC(2026, 0, 1) / 1000;

export function createVirtualTime(start = START): VirtualTime {
  /** What has passed; the clock shows more or less once it jumps. */
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

/** Until nothing happens any more without time passing: the loop turns a few times. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}
