/** A Unix time or a duration, in seconds. */
export type Seconds = number;

/** Parses a date as in RFC 3339 or an HTTP header to Unix time; undefined if it is not a date. */
export function parseTime(text: unknown): Seconds | undefined {
  const milliseconds = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}
