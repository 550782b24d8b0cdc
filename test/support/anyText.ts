import fc from "fast-check";

const codePoint = fc.oneof(
  fc.nat(0x7f),
  fc.nat(0x10ffff).filter((code) => code < 0xd800 || code > 0xdfff),
);

/**
 * Text of any code points but lone surrogates, as of `fc.string({ unit: "binary" })`, which takes a
 * second of CPU in each file to count all code points.
 */
export function anyText(length: fc.ArrayConstraints = {}): fc.Arbitrary<string> {
  return fc.array(codePoint, length).map((codes) => String.fromCodePoint(...codes));
}
