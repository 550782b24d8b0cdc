/**
 * The bytes of a text in base64 or base64url; undefined if encoding them again would not give that
 * very text. Node's decoder skips what isn't base64, takes both alphabets and ignores left-over bits.
 */
export function decodeBase64(text: string, encoding: "base64" | "base64url"): Buffer | undefined {
  const foreign = encoding === "base64" ? ["-", "_"] : ["+", "/", "="];
  const bytes = Buffer.from(text, encoding);
  // Bytes that are there for every character mean that none was skipped.
  const digits = text.endsWith("=") ? text.indexOf("=") : text.length;
  if (
    bytes.length !== Math.floor((digits * 3) / 4) ||
    foreign.some((digit) => text.includes(digit))
  ) {
    return undefined;
  }
  const end = bytes.length - (bytes.length % 3);
  return text.endsWith(bytes.toString(encoding, end)) && lengthOf(bytes, encoding) === text.length
    ? bytes
    : undefined;
}

function lengthOf({ length }: Buffer, encoding: "base64" | "base64url"): number {
  return encoding === "base64" ? Math.ceil(length / 3) * 4 : Math.ceil((length * 4) / 3);
}
