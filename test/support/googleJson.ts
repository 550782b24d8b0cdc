/** Removes 0, false, "" and empty lists, which Google's JSON omits. */
export function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeros);
  if (typeof value !== "object" || value === null) return value;
  // Leaves Pulumi's assets and other class instances unchanged.
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => !isZero(each))
      .map(([key, each]) => [key, withoutZeros(each)]),
  );
}

function isZero(value: unknown): boolean {
  return (
    value === 0 || value === false || value === "" || (Array.isArray(value) && value.length === 0)
  );
}
