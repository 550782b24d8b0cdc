import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { printable } from "../../../service/pure/printable.ts";
import { anyText } from "../../support/arbitraries.ts";

test("keeps a message as it is", () => {
  const text = "Permission 'secretmanager.versions.access' denied: it's 100 % so.";
  expect(printable(text, 100)).toBe(text);
});

test.each([
  ["a line break", "one\r\ntwo", "one two"],
  ["a terminal's escape", "\u001b[31mred\u001b[0m", "[31mred [0m"],
  ["what turns the direction of writing", "a\u202eb", "a b"],
  ["the ends", " \n one \t", "one"],
])("puts a space for %s, and none at the ends", (_what, text, shown) => {
  expect(printable(text, 100)).toBe(shown);
});

test("turns any text into one line of printable ASCII of at most the given length", () => {
  fc.assert(
    fc.property(anyText(), fc.nat(50), (text, length) => {
      const shown = printable(text, length);
      expect(shown).toMatch(/^[ -~]*$/);
      expect(shown.length).toBeLessThanOrEqual(length);
    }),
  );
});
