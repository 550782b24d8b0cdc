import { createRequire } from "node:module";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";

const load = createRequire(__filename);
const createDebug: (name: string) => { (...args: unknown[]): void; readonly enabled: boolean } =
  load("../../../service/lean/debug.cjs");

const before = process.env.DEBUG;
beforeEach(() => {
  process.env.DEBUG = "*";
});
afterEach(() => {
  process.env.DEBUG = before;
  jest.restoreAllMocks();
});

test("nothing is said, whatever DEBUG asks for", () => {
  const write = jest.spyOn(process.stderr, "write").mockReturnValue(true);
  const debug = createDebug("cookie-session");
  debug("parse %s", "a session's cookie");
  expect(debug.enabled).toBe(false);
  expect(write).not.toHaveBeenCalled();
});
