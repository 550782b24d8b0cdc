import { SessionNotSerializableError } from "./errors.ts";

/**
 * Serializes a session's data as JSON, without fields that are undefined.
 * @throws SessionNotSerializableError for a value that JSON would silently change, such as a Date,
 * a Map or NaN.
 */
export function plainJson(data: object): string {
  let field: string | undefined;
  try {
    // Not the entries: a getter that throws would leave the field unknown.
    for (const name of Object.keys(data)) {
      field = name;
      const fault = findFault(Reflect.get(data, name), name, []);
      if (fault !== undefined) throw new SessionNotSerializableError(fault);
    }
    return JSON.stringify(data);
  } catch (error) {
    if (error instanceof SessionNotSerializableError) throw error;
    // A getter or a proxy threw.
    throw new SessionNotSerializableError(field ?? "(unknown)", { cause: error });
  }
}

/** The path of the first value that isn't JSON. */
function findFault(value: unknown, path: string, around: readonly object[]): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : path;
  if (typeof value !== "object" || around.includes(value)) return path;
  const within = [...around, value];
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const place = `${path}[${index}]`;
      const fault = item === undefined ? place : findFault(item, place, within);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return path;
  for (const [name, item] of Object.entries(value)) {
    const fault = findFault(item, `${path}.${name}`, within);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
