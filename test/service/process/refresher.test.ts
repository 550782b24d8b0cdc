import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createRefresher } from "../../../service/process/refresher.ts";
import { createVirtualTime } from "../../support/virtualTime.ts";

const POLICY = { interval: 60, jitter: 0.2, maxAge: 120, waitLimit: 2 };

type Answer = "ok" | "error" | "hang";

/** A refresher of a fake list, in virtual time. */
function bench({ random = () => 0.5 }: { random?: () => number } = {}) {
  const time = createVirtualTime();
  let answer: Answer = "ok";
  let gate: PromiseWithResolvers<void> | undefined;
  const attempts: number[] = [];
  const events: string[] = [];

  async function read(): Promise<number> {
    attempts.push(time.now());
    const signal = time.abortAfter(2000);
    const [mine, held] = [answer, gate];
    await held?.promise;
    if (held !== undefined) signal.throwIfAborted();
    if (mine === "error") throw new Error("refused");
    if (mine === "hang") {
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }
    return attempts.length;
  }

  const refresher = createRefresher({
    policy: POLICY,
    clock: time.now,
    random,
    abortAfter: time.abortAfter,
    read,
    onSuccess: (result) => events.push(`read ${result}`),
    onFailure: (error) => events.push(`failed: ${(error as Error).message}`),
  });
  return {
    ...refresher,
    time,
    attempts,
    events,
    answer(next: Answer) {
      answer = next;
    },
    /** Freezes answers and timeouts of attempts that begin from now on. */
    freeze() {
      gate = Promise.withResolvers();
    },
    thaw() {
      gate?.resolve();
      gate = undefined;
    },
    /** Refreshes as a request does; returns the seconds that it waited. */
    async request(needed = false): Promise<number> {
      const begin = time.now();
      await time.settle(refresher.refresh(() => needed));
      return time.now() - begin;
    },
  };
}

async function started(options?: Parameters<typeof bench>[0]) {
  const one = bench(options);
  await one.request();
  expect(one.events.splice(0)).toEqual(["read 1"]);
  return one;
}

test("the first request waits for the first refresh, and concurrent requests share it", async () => {
  const one = bench();
  expect(one.asOf()).toBeUndefined();
  const begin = one.time.now();
  await one.time.settle(Promise.all(Array.from({ length: 100 }, () => one.refresh())));
  expect(one.events).toEqual(["read 1"]);
  expect(one.asOf()).toBe(begin);
});

test("requests within an interval start no refresh; the next one starts one and does not wait", async () => {
  const one = await started();
  await one.time.advance(59);
  expect(one.refresh()).toBeUndefined();
  expect(one.attempts).toHaveLength(1);
  await one.time.advance(1);
  expect(one.refresh()).toBeUndefined();
  await one.time.advance(0);
  expect(one.events).toEqual(["read 2"]);
});

test.each([
  [0, 48],
  [0.5, 60],
  [0.999, 72],
])("intervals differ by the jitter: a draw of %d gives %d s", async (draw, seconds) => {
  const one = await started({ random: () => draw });
  await one.time.advance(seconds - 1);
  await one.request();
  expect(one.attempts).toHaveLength(1);
  await one.time.advance(1);
  await one.request();
  expect(one.attempts).toHaveLength(2);
});

test("a request waits up to the wait limit for a stale copy's refresh", async () => {
  const one = await started();
  await one.time.advance(119);
  expect(one.refresh()).toBeUndefined();
  await one.time.advance(120);
  expect(one.refresh()).toBeInstanceOf(Promise);
  await one.time.advance(120);
  one.answer("hang");
  expect(await one.request()).toBe(2);
});

test("a clock that is set back or ahead delays no refresh", async () => {
  const one = await started();
  for (const jump of [-86_400, 86_400]) {
    one.time.jump(jump);
    const before = one.attempts.length;
    await one.request();
    expect(one.attempts).toHaveLength(before + 1);
    await one.time.advance(121);
    await one.request();
    expect(one.attempts).toHaveLength(before + 2);
  }
});

test("a request that needs the copy waits for a refresh that others don't wait for", async () => {
  const one = await started();
  await one.time.advance(60);
  one.answer("hang");
  expect(one.refresh()).toBeUndefined();
  expect(await one.request(true)).toBe(2);
});

describe("failed attempts", () => {
  test("are retried immediately, then with exponential backoff up to the interval", async () => {
    const one = await started();
    one.answer("error");
    const begin = one.time.now() + 60;
    for (let second = 0; second < 400; second += 1) {
      await one.time.advance(1);
      one.refresh();
    }
    await one.time.advance(0);
    const gaps = one.attempts.slice(1).map((at, i, all) => at - (all[i - 1] ?? begin));
    expect(gaps).toEqual([0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    one.answer("ok");
    await one.time.advance(60);
    await one.request();
    one.events.splice(0);
    await one.time.advance(60);
    await one.request();
    expect(one.events).toEqual([`read ${one.attempts.length}`]);
  });

  test("make requests wait for the first and the second attempt only", async () => {
    const one = await started();
    one.answer("hang");
    await one.time.advance(300);
    expect(await one.request()).toBe(2);
    expect(await one.request()).toBe(2);
    for (let second = 0; second < 300; second += 1) {
      await one.time.advance(1);
      expect(one.refresh()).toBeUndefined();
    }
  });

  test("make requests wait again once a retry is overdue because no request came", async () => {
    const one = await started();
    one.answer("error");
    await one.time.advance(300);
    await one.request();
    expect(one.events.splice(0)).toEqual(["failed: refused", "failed: refused"]);
    one.answer("ok");
    await one.time.advance(4);
    expect(one.refresh()).toBeInstanceOf(Promise);
  });
});

describe("an attempt in flight during a freeze", () => {
  test.each([2, 3, 30, 59, 61, 3600])(
    "of %d s is repeated before the request continues",
    async (seconds) => {
      const one = await started();
      await one.time.advance(300);
      one.freeze();
      void one.refresh();
      await one.time.advance(seconds);
      one.thaw();
      const thawed = one.time.now();
      await one.request();
      expect(one.asOf()).toBe(thawed);
      expect(one.events.at(-1)).toBe("read 3");
    },
  );

  test("is retried immediately during an outage too, which may have ended meanwhile", async () => {
    const one = await started();
    one.answer("error");
    await one.time.advance(300);
    await one.request();
    one.answer("ok");
    await one.time.advance(1);
    one.freeze();
    expect(one.refresh()).toBeUndefined();
    await one.time.advance(30);
    one.thaw();
    await one.time.advance(0);
    await one.request();
    expect(one.events.at(-1)).toMatch(/^read /);
    expect(one.asOf()).toBe(one.time.now());
  });

  test("is ignored if it ends after a later one has begun", async () => {
    const one = await started();
    await one.time.advance(60);
    one.freeze();
    void one.refresh();
    await one.time.advance(1);
    await one.time.advance(300);
    one.thaw();
    await one.request();
    expect(one.events).toEqual(["read 3"]);
  });
});

test("in any sequence of events, requests use a stale copy only after a recent failure, and attempts are bounded", async () => {
  const step = fc.record({
    wait: fc.constantFrom(0, 0.5, 1, 3, 15, 47, 75, 121, 4000),
    answer: fc.constantFrom<Answer>("ok", "ok", "error", "hang"),
    freeze: fc.constantFrom(0, 0, 0, 1, 2, 5, 40, 500),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (steps, draw) => {
        const one = bench({ random: () => draw });
        const begin = one.time.now();
        let changes = 1;
        let last: Answer = "ok";
        let failing = Number.NEGATIVE_INFINITY;
        for (const { wait, answer, freeze } of steps) {
          if (last !== "ok") failing = one.time.now() + wait;
          await one.time.advance(wait);
          if (answer !== last || freeze > 0) changes += 1;
          last = answer;
          one.answer(answer);
          if (freeze > 0) {
            one.freeze();
            void one.refresh();
            await one.time.advance(freeze);
            one.thaw();
          }
          const arrived = one.time.now();
          const waited = await one.request();
          expect(waited).toBeLessThanOrEqual(POLICY.waitLimit);
          const age = one.time.now() - (one.asOf() ?? Number.NEGATIVE_INFINITY);
          // A backoff, one more because of a freeze that looks like a slow answer, and an interval.
          const excused = arrived - failing <= 3.4 * POLICY.interval + 6 * POLICY.waitLimit;
          if (answer === "ok" && !excused) expect(age).toBeLessThan(POLICY.maxAge + waited);
        }
        const intervals = (one.time.now() - begin) / (0.8 * POLICY.interval);
        expect(one.attempts.length).toBeLessThanOrEqual(2 + intervals + 9 * changes);
      },
    ),
  );
});
