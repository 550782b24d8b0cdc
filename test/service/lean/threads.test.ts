import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";

const ThreadStream = createRequire(__filename)("../../../service/lean/threads.cjs");

test("this is the main thread, and whoever wants another one is told that there is none", () => {
  expect(ThreadStream.isMainThread).toBe(true);
  expect(() => new ThreadStream({})).toThrow("The service writes its log from its only thread.");
});
