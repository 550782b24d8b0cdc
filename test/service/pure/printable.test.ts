import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { printable } from "../../../service/pure/printable.ts";
import { anyText } from "../../support/arbitraries.ts";

test("printable ASCII is unchanged", () => {
  const text = "Permission 'secretmanager.versions.access' denied: it's 100 % so.";
  expect(printable(text, 100)).toBe(text);
});

test.each([
  ["a line break", "one\r\ntwo", "one two"],
  ["a terminal's escape", "\u001b[31mred\u001b[0m", "[31mred [0m"],
  ["a change of the writing direction", "a\u202eb", "a b"],
  ["white space at the ends", " \n one \t", "one"],
])("%s becomes one space, and none at the ends", (_what, text, shown) => {
  expect(printable(text, 100)).toBe(shown);
});

test("any text becomes one line of printable ASCII of at most the given length", () => {
  fc.assert(
    fc.property(anyText(), fc.nat(50), (text, length) => {
      const shown = printable(text, length);
      expect(shown).toMatch(/^[ -~]*$/);
      expect(shown.length).toBeLessThanOrEqual(length);
    }),
  );
});
