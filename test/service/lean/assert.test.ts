import assert, { AssertionError } from "node:assert";
import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";

const lean: typeof assert = createRequire(__filename)("../../../service/lean/assert.cjs");

test("what holds passes, and what doesn't is the platform's own error with its message", () => {
  expect(() => lean(1, "one")).not.toThrow();
  expect(() => lean(0, "one is not none")).toThrow(AssertionError);
  expect(() => lean(false, "one is not none")).toThrow("one is not none");
});

test("every other way of asserting is the platform's", () => {
  for (const name of ["ok", "equal", "strictEqual", "deepStrictEqual", "rejects"] as const) {
    expect(lean[name]).toBe(assert[name]);
  }
});
