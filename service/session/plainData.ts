/** Data that JSON carries: what a session is made of. */

/** A copy that shares nothing with the original. */
export function copyOf<Data>(data: Data): Data {
  if (typeof data !== "object" || data === null) return data;
  if (Array.isArray(data)) return data.map(copyOf) as Data;
  const copy = { ...data };
  for (const key in copy) {
    if (typeof copy[key] === "object") copy[key] = copyOf(copy[key]);
  }
  return copy;
}

/**
 * Whether `value` is surely the same JSON as `data`, down to the order of its keys. It can be so
 * even if the answer is no: then comparing the JSON tells. This is much quicker.
 */
export function isSurelySame(value: unknown, data: unknown): boolean {
  if (value === data) return true;
  if (typeof value !== "object" || typeof data !== "object" || !value || !data) return false;
  // A prototype of another kind may bring a `toJSON`.
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  if (prototype !== Object.getPrototypeOf(data)) return false;
  const names = Object.keys(value);
  const known = Object.keys(data);
  return (
    names.length === known.length &&
    names.every((name, index) => name === known[index] && sameAt(name, value, data))
  );
}

function sameAt(name: string, value: object, data: object): boolean {
  return isSurelySame(value[name as never], data[name as never]);
}
