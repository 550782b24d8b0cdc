import { expect, test } from "@jest/globals";
import { aborted } from "../../../service/process/abort.ts";
import { createFreshRun } from "../../../service/pure/freshRun.ts";
import { createVirtualTime } from "../../support/virtualTime.ts";

test("each caller gets a run that begins after the call, shared by all who call before it begins", async () => {
  let begun = 0;
  const runs: ((result: number) => void)[] = [];
  const run = createFreshRun(() => {
    begun += 1;
    return new Promise<number>((resolve) => void runs.push(resolve));
  });
  const time = createVirtualTime();
  const first = [run(), run()];
  await time.advance(0);
  const second = [run(), run(), run()];
  await time.advance(0);
  expect(begun).toBe(1);
  runs[0]?.(1);
  await time.advance(0);
  expect(begun).toBe(2);
  runs[1]?.(2);
  expect(await Promise.all([...first, ...second])).toEqual([1, 1, 2, 2, 2]);
});

test("a failed run affects only its callers, and at most one run begins per pause", async () => {
  const time = createVirtualTime();
  const begins: number[] = [];
  const run = createFreshRun(
    async () => {
      begins.push(time.now());
      if (begins.length === 1) throw new Error("it failed");
    },
    () => aborted(time.abortAfter(5000)),
  );
  const start = time.now();
  await expect(time.settle(run())).rejects.toThrow("it failed");
  for (let call = 0; call < 3; call += 1) await time.settle(run());
  expect(begins.map((begin) => begin - start)).toEqual([0, 5, 10, 15]);
});
