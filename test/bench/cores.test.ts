import { expect, test } from "@jest/globals";
import { parseCores, placement } from "./cores.ts";

test("the kernel's list of cores is read", () => {
  expect(parseCores("0-3,8,10-11")).toEqual([0, 1, 2, 3, 8, 10, 11]);
  expect(parseCores("5")).toEqual([5]);
  expect(parseCores("")).toEqual([]);
});

test("server and generator never share a pinned core", () => {
  const { server, generator, description } = placement();
  if (server.length > 0) expect(server).not.toEqual(generator);
  else expect(generator).toEqual([]);
  expect(description).not.toBe("");
});
