/**
 * Untrusted text as one line for terminals and logs: at most `length` characters of printable
 * ASCII. Every run of other characters becomes one space.
 */
export function printable(text: string, length: number): string {
  return text
    .replaceAll(/[^!-~]+/g, " ")
    .trim()
    .slice(0, length);
}

/** Quotes a setting's value for a message: one line, at most 80 characters of the value. */
export function shown(value: string): string {
  if (value === "") return "not set";
  const text = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  // JSON does not escape all characters that move the cursor or change the direction of text.
  return JSON.stringify(text).replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, "0")}`,
  );
}
