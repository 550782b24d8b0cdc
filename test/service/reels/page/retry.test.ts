import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Failure, MAX_ATTEMPTS, retryDelay } from "../../../../service/reels/page/retry.ts";

const random = fc.double({ min: 0, max: 1, noNaN: true });
const PASSING = [undefined, 408, 429, 500, 502, 503, 504];

test("a transient failure is retried three times", () => {
  for (const status of PASSING) {
    const delays = [1, 2, 3, 4].map((attempt) => retryDelay({ status }, attempt, 1));
    expect([status, delays]).toEqual([status, [400, 800, 1600, undefined]]);
  }
  expect(MAX_ATTEMPTS).toBe(4);
});

test("other statuses are not retried, even with Retry-After", () => {
  for (const status of [301, 400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 501]) {
    for (const retryAfter of [undefined, null, "0", "1"]) {
      expect([status, retryDelay({ status, retryAfter }, 1, 0)]).toEqual([status, undefined]);
    }
  }
});

test("jitter shortens a delay by up to half, so that delays still grow", () => {
  fc.assert(
    fc.property(fc.constantFrom(...PASSING), fc.integer({ min: 1, max: 3 }), random, (...given) => {
      const [status, attempt, chance] = given;
      const longest = 400 * 2 ** (attempt - 1);
      const delay = retryDelay({ status }, attempt, chance) ?? Number.NaN;
      expect(delay).toBeGreaterThanOrEqual(longest / 2);
      expect(delay).toBeLessThanOrEqual(longest);
      expect(retryDelay({ status }, attempt, 0)).toBe(longest / 2);
    }),
  );
});

describe("Retry-After", () => {
  const busy = (retryAfter: string | null): Failure => ({ status: 503, retryAfter });

  test("is the delay, plus jitter", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), random, (seconds, chance) => {
        const delay = retryDelay(busy(String(seconds)), 1, chance) ?? Number.NaN;
        expect(delay).toBeGreaterThanOrEqual(seconds * 1000);
        expect(delay).toBeLessThanOrEqual(seconds * 1000 + 400);
      }),
    );
    expect(retryDelay(busy("5"), 1, 0.5)).toBe(5_200);
    expect(retryDelay(busy("0"), 3, 0)).toBe(0);
  });

  test("above ten seconds ends the retries", () => {
    for (const long of ["11", "60", "86400"]) {
      expect(retryDelay(busy(long), 1, 0)).toBeUndefined();
    }
  });

  test("does not add to the number of attempts", () => {
    expect(retryDelay(busy("1"), MAX_ATTEMPTS, 0)).toBeUndefined();
  });

  test("that isn't a number of seconds is ignored", () => {
    for (const other of [null, "", "-5", "soon", "Thu, 01 Jan 2026 00:00:00 GMT"]) {
      expect([other, retryDelay(busy(other), 2, 1)]).toEqual([other, 800]);
    }
  });
});
