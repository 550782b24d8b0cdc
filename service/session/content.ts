import { parseJson } from "../pure/json.ts";
import type { Seconds } from "../pure/seconds.ts";

/** Content of a sealed token: its data, and the Unix times at which it is issued and expires. */
export interface Sealed<Data> {
  readonly iat: Seconds;
  readonly exp: Seconds;
  readonly data: Data;
}

/** Encodes a token's content; `decodeContent` reverses it. */
export function encodeContent({ iat, exp, data }: Sealed<object>): Buffer {
  return Buffer.from(JSON.stringify([iat, exp, data]));
}

/** Decodes a token's content; undefined if `encodeContent` could not have written the bytes. */
export function decodeContent(bytes: Buffer): Sealed<Record<string, unknown>> | undefined {
  const parsed = parseJson(bytes.toString());
  if (!Array.isArray(parsed) || parsed.length !== 3) return undefined;
  const [iat, exp, data] = parsed;
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return undefined;
  return typeof data === "object" && data !== null ? { iat, exp, data } : undefined;
}
