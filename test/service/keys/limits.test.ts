import { expect, test } from "@jest/globals";
import { parseKeyLimits } from "../../../service/keys/limits.ts";
import { LIMITS } from "../../support/keyBench.ts";

test("unset limits have their defaults", () => {
  expect(parseKeyLimits({})).toEqual({ value: LIMITS });
});

test("an activation delay that is too short for the refresh interval is refused", () => {
  const limits = (KEY_ACTIVATION_DELAY: string) =>
    parseKeyLimits({ KEY_ACTIVATION_DELAY, KEY_REFRESH_INTERVAL: "30" });
  expect(limits("60")).toMatchObject({ problems: [{ setting: "KEY_ACTIVATION_DELAY" }] });
  expect(limits("61")).toEqual({ value: { activationDelay: 61, refreshInterval: 30 } });
});
