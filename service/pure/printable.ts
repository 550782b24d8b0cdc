/**
 * Untrusted text as one line for terminals and logs: at most `length` characters of printable ASCII.
 * Every run of other characters becomes one space.
 */
export function printable(text: string, length: number): string {
  return text
    .replaceAll(/[^!-~]+/g, " ")
    .trim()
    .slice(0, length);
}
