/** Google's JSON leaves out 0, false, "" and empty lists, and so do the answers of stand-ins. */
export function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeros);
  if (typeof value !== "object" || value === null) return value;
  // Assets and other objects of Pulumi stay what they are.
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
