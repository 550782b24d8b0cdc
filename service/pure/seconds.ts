/** A Unix time, or a length of time, in seconds. */
export type Seconds = number;

/** Unix seconds of a date's text, RFC 3339 or HTTP's; undefined if it is none. */
export function parseTime(text: unknown): Seconds | undefined {
  const milliseconds = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}
