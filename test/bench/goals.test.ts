import { expect, test } from "@jest/globals";
import { allMet, describeGoals, type Goal, goalsToJson, judge } from "./goals.ts";

const least: Goal = { title: "speed", figure: 0.8, atLeast: 0.8, unit: "times", digits: 2 };
const most: Goal = { title: "size", figure: 2048, atMost: 2048, unit: "bytes" };

test("a goal is met at its limit and missed beyond it", () => {
  expect(judge(least)).toBe("met");
  expect(judge({ ...least, figure: 0.799 })).toBe("missed");
  expect(judge(most)).toBe("met");
  expect(judge({ ...most, figure: 2049 })).toBe("missed");
});

test("one missed goal fails, and one that was not measured does not", () => {
  const unknown = { ...least, figure: Number.NaN };
  expect(allMet([least, most, unknown])).toBe(true);
  expect(allMet([least, { ...most, figure: 2049 }])).toBe(false);
});

test("each goal is printed with its figure, its limit and its verdict", () => {
  expect(describeGoals([least, { ...most, figure: 2049 }, { ...least, figure: Number.NaN }])).toBe(
    "  met     speed: 0.80 times (at least 0.80)\n" +
      "  MISSED  size: 2,049 bytes (at most 2,048)\n" +
      "    -     speed: not measured here (at least 0.80)\n",
  );
});

test("a figure that was not measured is null in JSON", () => {
  const [goal] = JSON.parse(JSON.stringify(goalsToJson([{ ...most, figure: Number.NaN }])));
  expect(goal).toMatchObject({ title: "size", figure: null, verdict: "not measured" });
});
