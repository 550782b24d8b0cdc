import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { copyOf, isSurelySame } from "../../../service/session/plainData.ts";

const record = fc
  .dictionary(
    fc.oneof(fc.constantFrom("a", "b", "__proto__", "toString", "0"), fc.string()),
    fc.jsonValue({ maxDepth: 3 }),
    { maxKeys: 4 },
  )
  .map((data) => JSON.parse(JSON.stringify(data)));

test("a copy has the same JSON, and is surely the same", () => {
  fc.assert(
    fc.property(record, (data) => {
      const copy = copyOf(data);
      expect(JSON.stringify(copy)).toBe(JSON.stringify(data));
      expect(isSurelySame(copy, data)).toBe(true);
    }),
  );
});

test("a copy shares nothing with its original, however deep", () => {
  const data = { reel: ["tides"], more: { deep: [{ x: 1 }] } };
  const copy = copyOf(data);
  copy.reel.push("silk");
  copy.more.deep.push({ x: 2 });
  for (const item of copy.more.deep) item.x = 3;
  expect(data).toEqual({ reel: ["tides"], more: { deep: [{ x: 1 }] } });
});

test("what is surely the same has the same JSON", () => {
  fc.assert(
    fc.property(record, record, (value, data) => {
      if (isSurelySame(value, data)) expect(JSON.stringify(value)).toBe(JSON.stringify(data));
    }),
  );
});

test.each([
  ["a value", { a: "1" }, { a: "2" }],
  ["a type", { a: "1" }, { a: 1 }],
  ["null for an object", { a: null }, { a: {} }],
  ["a key more", { a: 1, b: 2 }, { a: 1 }],
  ["a key less", { a: 1 }, { a: 1, b: 2 }],
  ["the order of keys", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["an item deep inside", { a: [{ b: [1, 2] }] }, { a: [{ b: [1, 3] }] }],
  ["an object for an array", { a: {} }, { a: [] }],
  ["an object that writes its own JSON", { a: new Date(0) }, { a: {} }],
  ["a function that JSON leaves out", { a: 1, b: () => 1 }, { a: 1 }],
])("another session is told by %s", (_what, value, data) => {
  expect(isSurelySame(value, data)).toBe(false);
  expect(isSurelySame(data, value)).toBe(false);
});

test("a value that contains itself is not the same, and ends", () => {
  const cycle: Record<string, unknown> = { a: 1 };
  cycle.self = cycle;
  expect(isSurelySame(cycle, { a: 1, self: { a: 1, self: {} } })).toBe(false);
});
