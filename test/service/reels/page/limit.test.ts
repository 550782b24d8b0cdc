import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createLimiter } from "../../../../service/reels/page/limit.ts";

/** Tasks that end when the test says so. */
function tasks() {
  const started: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<number>>();
  return {
    started,
    task(number: number) {
      return () => {
        started.push(number);
        const end = Promise.withResolvers<number>();
        ends.set(number, end);
        return end.promise;
      };
    },
    end(number: number, error?: Error) {
      if (error === undefined) ends.get(number)?.resolve(number);
      else ends.get(number)?.reject(error);
      ends.delete(number);
    },
    running: () => [...ends.keys()],
  };
}

test("below the limit a task starts at once; its result is passed on", async () => {
  const limit = createLimiter(2);
  const { started, task, end } = tasks();
  const results = [limit(task(1)), limit(task(2)), limit(task(3))];
  expect(started).toEqual([1, 2]);
  for (const number of [1, 2]) end(number);
  await turn();
  expect(started).toEqual([1, 2, 3]);
  end(3);
  expect(await Promise.all(results)).toEqual([1, 2, 3]);
});

test("a failure is passed on, and frees the slot for the next task", async () => {
  const limit = createLimiter(1);
  const failing = limit(() => Promise.reject(new Error("gone")));
  const throwing = limit(() => {
    throw new Error("at once");
  });
  const next = limit(async () => "next");
  await expect(failing).rejects.toThrow("gone");
  await expect(throwing).rejects.toThrow("at once");
  expect(await next).toBe("next");
});

test("a newcomer can't jump the queue", async () => {
  const limit = createLimiter(1);
  const { started, task, end } = tasks();
  const first = limit(task(1)).then(() => limit(task(3)));
  const second = limit(task(2));
  end(1);
  await turn();
  expect(started).toEqual([1, 2]);
  end(2);
  await second;
  await turn();
  end(3);
  await first;
  expect(started).toEqual([1, 2, 3]);
});

test("however tasks end, the limit holds, all of them run, and they start in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 20 }),
      async (most, endings) => {
        const limit = createLimiter(most);
        const { started, task, end, running } = tasks();
        const results = endings.map((_, index) => limit(task(index)).catch(() => undefined));
        for (const [pick, fails] of endings) {
          await turn();
          const now = running();
          const waiting = endings.length - started.length;
          expect(now.length <= most && (waiting === 0 || now.length === most)).toBe(true);
          end(now[pick % now.length] ?? -1, fails ? new Error("failed") : undefined);
        }
        await Promise.all(results);
        expect(started).toEqual(endings.map((_, index) => index));
        // All slots are free again.
        for (let index = 0; index < most; index += 1) void limit(task(endings.length + index));
        expect(started).toHaveLength(endings.length + most);
      },
    ),
  );
});

test("a task that is added while a slot is handed over does not exceed the limit", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat(3), { maxLength: 20 }),
      async (most, steps) => {
        const limit = createLimiter(most);
        let [running, highest, done] = [0, 0, 0];
        const run = (turns: number) =>
          limit(async () => {
            highest = Math.max(highest, ++running);
            for (let turn = 0; turn < turns; turn++) await Promise.resolve();
            running--;
            done++;
          });
        const all: Promise<void>[] = [];
        for (const turns of steps) {
          all.push(run(turns));
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        }
        await Promise.all(all);
        expect(done).toBe(steps.length);
        expect(highest).toBeLessThanOrEqual(most);
      },
    ),
  );
});

test("after a burst the limit is unchanged", async () => {
  const limit = createLimiter(2);
  await Promise.all([1, 2, 3, 4, 5].map(() => limit(async () => undefined)));
  const { started, task } = tasks();
  for (const number of [1, 2]) void limit(task(number));
  await turn();
  expect(started).toEqual([1, 2]);
});
