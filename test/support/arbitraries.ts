import fc from "fast-check";

// fast-check's own unit "binary", webPath and webUrl each take a second of CPU in each file of
// tests to count all code points.

const codePoint = fc.oneof(
  fc.nat(0x7f),
  fc.nat(0x10ffff).filter((code) => code < 0xd800 || code > 0xdfff),
);

/** Text of any code points except lone surrogates. */
export function anyText(length: fc.ArrayConstraints = {}): fc.Arbitrary<string> {
  return fc.array(codePoint, length).map((codes) => String.fromCodePoint(...codes));
}

const encoded = anyText({ maxLength: 12 }).map(encodeURIComponent);

/** Path of a URL: empty, or segments with a slash before each. */
export const anyPath = fc
  .array(encoded, { maxLength: 6 })
  .map((segments) => segments.map((segment) => `/${segment}`).join(""));

/** An http or https URL, with or without query and fragment. */
export const anyUrl = fc
  .tuple(
    fc.constantFrom("http://", "https://"),
    fc.domain(),
    anyPath,
    fc.option(encoded.map((query) => `?${query}`)),
    fc.option(encoded.map((fragment) => `#${fragment}`)),
  )
  .map((parts) => parts.join(""));
