/** A JSON object as it came: nothing in it has been checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The text's JSON object; undefined if it is anything else. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The value if it is an object and not an array. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}
