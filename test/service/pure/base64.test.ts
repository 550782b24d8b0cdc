import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeBase64 } from "../../../service/pure/base64.ts";

const encodings = ["base64", "base64url"] as const;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \n.\u00e9";

test("encoded bytes decode to the same bytes", () => {
  for (const encoding of encodings) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString(encoding);
        expect(decodeBase64(text, encoding)).toEqual(Buffer.from(bytes));
      }),
    );
  }
});

test("a text decodes only if encoding the bytes again gives that text", () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 }),
    fc.base64String({ maxLength: 40 }),
    // Replaces, removes or doubles one character of a valid text.
    fc
      .tuple(
        fc.base64String({ minLength: 4, maxLength: 40 }),
        fc.nat(),
        fc.constantFrom(...alphabet, ""),
      )
      .map(([good, at, character]) => {
        const index = at % good.length;
        return good.slice(0, index) + character + good.slice(index + 1);
      }),
  );
  for (const encoding of encodings) {
    fc.assert(
      fc.property(text, (candidate) => {
        const bytes = Buffer.from(candidate, encoding);
        const expected = bytes.toString(encoding) === candidate ? bytes : undefined;
        expect(decodeBase64(candidate, encoding)).toEqual(expected);
      }),
      { numRuns: 3_000 },
    );
  }
});
