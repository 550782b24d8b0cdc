import { expect, test } from "@jest/globals";
import { duration } from "../../../infra/commands/duration.ts";

const DAY = 86_400;

test.each([
  [-5, "0 s"],
  [0, "0 s"],
  [0.9, "0 s"],
  [119.9, "119 s"],
  [120, "2 min"],
  [1800, "30 min"],
  [7199, "119 min"],
  [7200, "2 h"],
  [2 * DAY - 1, "47 h"],
  [2 * DAY, "2 days"],
  [400 * DAY, "400 days"],
])("%d seconds are %s: the largest unit of which there are at least two", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
