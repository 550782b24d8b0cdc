import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";

const load = createRequire(__filename);
const lean: Record<string, unknown> = load("../../../service/lean/qs.cjs");
const whole: Record<string, unknown> = load("qs");

test("it is qs", () => {
  expect(Object.keys(whole)).toContain("parse");
  for (const name of Object.keys(whole)) expect([name, lean[name]]).toEqual([name, whole[name]]);
});
