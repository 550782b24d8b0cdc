import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";

interface IconvLite {
  encodingExists(label: string): boolean;
  decode(bytes: Buffer, label: string): string;
  getDecoder(label: string): { write(bytes: Buffer): string; end(): string | undefined };
}

const load = createRequire(__filename);
const lean: IconvLite = load("../../../service/lean/iconvLite.cjs");
const whole: IconvLite = load("iconv-lite");

const label = fc.constantFrom("utf-8", "UTF-8", "utf8", "utf-16le");

test("bytes are decoded as by iconv-lite, whole and in parts", () => {
  fc.assert(
    fc.property(label, fc.string({ unit: "binary" }), fc.nat(40), (encoding, text, cut) => {
      const bytes = Buffer.from(text, encoding.includes("16") ? "utf16le" : "utf8");
      expect(lean.decode(bytes, encoding)).toBe(whole.decode(bytes, encoding));
      const decoder = lean.getDecoder(encoding);
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].map(decoder.write);
      expect(parts.join("") + (decoder.end() ?? "")).toBe(whole.decode(bytes, encoding));
    }),
  );
});

test("bytes that are no text become replacement characters, not errors", () => {
  expect(lean.decode(Buffer.from([0x22, 0xff, 0x22]), "utf-8")).toBe('"\ufffd"');
});

test("a mark of byte order is left out", () => {
  const bytes = Buffer.from("\ufeff{}");
  expect(lean.decode(bytes, "utf-8")).toBe(whole.decode(bytes, "utf-8"));
});

test("an encoding that nobody knows is refused in the words that Express turns into 415", () => {
  for (const unknown of ["utf-9", "utf-", "klingon"]) {
    expect(lean.encodingExists(unknown)).toBe(false);
    expect(() => lean.getDecoder(unknown)).toThrow(/^Encoding not recognized: /);
    expect(() => whole.getDecoder(unknown)).toThrow(/^Encoding not recognized: /);
  }
  expect(lean.encodingExists("utf-8")).toBe(true);
});
