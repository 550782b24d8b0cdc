/**
 * Placeholder for an output that is unknown in a preview, such as a new account's e-mail address.
 */
export const KNOWN_LATER = "(known once it is deployed)";

/**
 * Copies a resource's inputs, with a placeholder for each unknown value. In a preview, Pulumi
 * throws when a rule reads an unknown value, and then skips the whole rule.
 */
export function known<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  const read = (key: string | number): unknown => {
    try {
      return known((value as Record<string | number, unknown>)[key]);
    } catch {
      return KNOWN_LATER;
    }
  };
  return (
    Array.isArray(value)
      ? Array.from({ length: value.length }, (_, index) => read(index))
      : Object.fromEntries(Object.keys(value).map((key) => [key, read(key)]))
  ) as Value;
}
