/** Stands for a value that is only known once it is deployed, such as an account's address. */
export const KNOWN_LATER = "(known once it is deployed)";

/**
 * Copies a resource's inputs. In a preview Pulumi throws where a value is not known yet; left to
 * itself it would skip every rule that so much as looks at one.
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
