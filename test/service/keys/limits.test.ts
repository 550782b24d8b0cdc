import { expect, test } from "@jest/globals";
import { parseKeyLimits } from "../../../service/keys/limits.ts";
import { LIMITS } from "../../support/keyBench.ts";

test("limits that are not set have their defaults", () => {
  expect(parseKeyLimits({})).toEqual({ value: LIMITS });
});

test("every limit can be set", () => {
  const env = {
    KEY_ACTIVATION_DELAY: "600",
    KEY_REFRESH_INTERVAL: "30",
    KEY_READ_TIMEOUT: "5",
    KEY_LOOKUP_BURST: "4",
    KEY_LOOKUP_INTERVAL: "7",
    KEY_ABSENT_TTL: "90",
  };
  expect(parseKeyLimits(env)).toEqual({
    value: {
      activationDelay: 600,
      refreshInterval: 30,
      readTimeout: 5,
      lookupBurst: 4,
      lookupInterval: 7,
      absentTtl: 90,
    },
  });
});

test("all limits that make no sense are reported at once", () => {
  const parsed = parseKeyLimits({ KEY_READ_TIMEOUT: "2s", KEY_LOOKUP_BURST: "0" });
  expect("problems" in parsed && parsed.problems.map(({ setting }) => setting)).toEqual([
    "KEY_READ_TIMEOUT",
    "KEY_LOOKUP_BURST",
  ]);
});

test("a key that would sign before every instance knows it is refused", () => {
  expect(parseKeyLimits({ KEY_ACTIVATION_DELAY: "120", KEY_ABSENT_TTL: "10" })).toMatchObject({
    problems: [{ setting: "KEY_ACTIVATION_DELAY" }],
  });
  expect(parseKeyLimits({ KEY_ACTIVATION_DELAY: "121", KEY_ABSENT_TTL: "10" })).toMatchObject({
    value: { activationDelay: 121 },
  });
});

test("a key that could be taken for absent while it signs is refused", () => {
  expect(parseKeyLimits({ KEY_ABSENT_TTL: "1800" })).toMatchObject({
    problems: [{ setting: "KEY_ABSENT_TTL" }],
  });
});
