import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createTokenBucket } from "../../../service/pure/tokenBucket.ts";

test("a bucket allows its burst at once and then one per interval", () => {
  const bucket = createTokenBucket(2, 6);
  expect([0, 0, 0, 5.9, 6, 6, 12].map((now) => bucket.take(now))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
  expect(bucket.wait(14)).toBeCloseTo(4);
  expect(bucket.wait(18)).toBe(0);
});

test("a clock that is set back neither adds tokens nor takes them", () => {
  const bucket = createTokenBucket(1, 10);
  expect(bucket.take(1000)).toBe(true);
  expect(bucket.take(0)).toBe(false);
  expect(bucket.take(10)).toBe(true);
  expect(bucket.take(1000)).toBe(true);
});

test("any sequence of calls gets at most the burst and one token per interval", () => {
  const waits = fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 200 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 60 }),
      waits,
      (burst, interval, gaps) => {
        const bucket = createTokenBucket(burst, interval);
        let now = 0;
        let given = 0;
        for (const gap of gaps) {
          now += gap;
          if (bucket.take(now)) given += 1;
        }
        expect(given).toBeLessThanOrEqual(burst + now / interval + 1e-6);
      },
    ),
  );
});
