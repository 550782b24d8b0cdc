import { createRequire } from "node:module";
import { expect, jest, test } from "@jest/globals";

const depd = createRequire(__filename)("../../../service/lean/depd.cjs");

test("what is outdated works, and nothing is said of it", () => {
  const write = jest.spyOn(process.stderr, "write").mockReturnValue(true);
  const deprecate = depd("package");
  const twice = deprecate.function((n: number) => 2 * n, "use three times");
  const settings = { old: 1 };
  deprecate.property(settings, "old", "use new");
  deprecate("use another");
  expect([twice(2), settings.old]).toEqual([4, 1]);
  expect(write).not.toHaveBeenCalled();
  write.mockRestore();
});
