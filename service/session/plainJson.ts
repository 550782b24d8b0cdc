import { SessionNotSerializableError } from "./errors.ts";

/**
 * Serializes a session's data as JSON, without fields that are undefined.
 * @throws SessionNotSerializableError for a value that JSON would silently change, such as a Date,
 * a Map or NaN.
 */
export function plainJson(data: object): string {
  const members = Object.keys(data).flatMap((name) => {
    const json = fieldJson(data, name);
    return json === undefined ? [] : [`${JSON.stringify(name)}:${json}`];
  });
  return `{${members.join()}}`;
}

function fieldJson(data: object, name: string): string | undefined {
  try {
    return JSON.stringify(plainCopy(Reflect.get(data, name), name, []));
  } catch (error) {
    if (error instanceof SessionNotSerializableError) throw error;
    // A getter or a proxy threw, or the value is nested too deeply.
    throw new SessionNotSerializableError(name, { cause: error });
  }
}

/** A copy without methods and getters, which could answer differently when it is serialized. */
function plainCopy(value: unknown, path: string, around: readonly object[]): unknown {
  if (value === undefined || value === null) return value;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value !== "object" || around.includes(value)) {
    throw new SessionNotSerializableError(path);
  }
  const within = [...around, value];
  if (Array.isArray(value)) {
    const items = Array.from(value, (item: unknown, index) => {
      const copy = plainCopy(item, `${path}[${index}]`, within);
      if (copy === undefined) throw new SessionNotSerializableError(`${path}[${index}]`);
      return copy;
    });
    // Other properties of an array, such as those of a RegExp match, are not JSON.
    if (Object.keys(value).length === items.length) return items;
    throw new SessionNotSerializableError(path);
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new SessionNotSerializableError(path);
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, plainCopy(item, `${path}.${name}`, within)]),
  );
}
