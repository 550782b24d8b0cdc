/**
 * What others sent, as one line for terminals and logs: at most `length` characters of printable
 * ASCII, with a space for whatever else there was.
 */
export function printable(text: string, length: number): string {
  return text
    .replaceAll(/[^!-~]+/g, " ")
    .trim()
    .slice(0, length);
}
