import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { median, medianRatio, percentile, spread } from "./statistics.ts";

test("the median is the middle value, in any order", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([10, 9, 100])).toBe(10);
});

test("no values give NaN", () => {
  expect(median([])).toBeNaN();
  expect(percentile([], 0.99)).toBeNaN();
  expect(medianRatio([1], [])).toBeNaN();
});

test("a percentile is one of the values, and that share of them is not above it", () => {
  const share = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 1 }), share, (values, part) => {
      const value = percentile(values, part);
      expect(values).toContain(value);
      const atMost = values.filter((other) => other <= value).length;
      expect(atMost).toBeGreaterThanOrEqual(values.length * part);
    }),
  );
});

test("the spread is that of the middle half, so a single outlier has no effect", () => {
  expect(spread([100, 100, 100, 100, 900])).toBe(0);
  expect(spread([90, 95, 100, 105, 110])).toBeCloseTo(0.1);
  expect(spread([100])).toBe(0);
});

test("a temporary slowdown of the machine does not change a ratio of alternating measurements", () => {
  const speed = [1, 1, 0.2, 0.5, 1];
  const fast = speed.map((factor) => 1000 * factor);
  const slow = speed.map((factor) => 250 * factor);
  expect(medianRatio(fast, slow)).toBe(4);
});
