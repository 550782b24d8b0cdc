/**
 * Decodes base64 or base64url strictly: undefined if encoding the bytes again gives another text.
 * Node's decoder is lenient: it skips foreign characters, accepts both alphabets and ignores spare
 * bits.
 */
export function decodeBase64(text: string, encoding: "base64" | "base64url"): Buffer | undefined {
  const foreign = encoding === "base64" ? ["-", "_"] : ["+", "/", "="];
  const bytes = Buffer.from(text, encoding);
  // A byte count that matches the length shows that the decoder skipped no character.
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
