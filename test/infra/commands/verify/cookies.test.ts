import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isRemoval, keptFor, parseSetCookie } from "../../../../infra/commands/verify/client.ts";
import { forgeToken, tamperWith, tokenForm } from "../../../../infra/commands/verify/token.ts";
import { anyText } from "../../../support/arbitraries.ts";

const anything = anyText({ maxLength: 2_000 });

test("parsing accepts any cookie and any token", () => {
  fc.assert(
    fc.property(anything, (text) => {
      const cookie = parseSetCookie(text);
      if (cookie !== undefined) {
        const isOver = (keptFor(cookie, 0) ?? 1) <= 0;
        expect(isRemoval(cookie, 0)).toBe(cookie.value === "" || isOver);
      }
      expect(["sealed", "file", "other"]).toContain(tokenForm(text).form);
    }),
  );
});

test("a tampered token differs from the original, and has the same key ID", () => {
  const kid = fc.stringMatching(/^[\w-]{1,16}$/);
  fc.assert(
    fc.property(kid, fc.uint8Array({ minLength: 300, maxLength: 300 }), (kid, bytes) => {
      const token = forgeToken(kid, () => bytes);
      const tampered = tamperWith(token) ?? "";
      expect(tampered).not.toBe(token);
      expect(tampered).toHaveLength(token.length);
      expect(tokenForm(tampered)).toEqual({ form: "sealed", kid });
    }),
  );
});
