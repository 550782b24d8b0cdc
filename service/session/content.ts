import { isObject, parseJson } from "../pure/json.ts";
import type { Seconds } from "../pure/seconds.ts";

/** Content of a sealed token: its data, and the Unix times at which it is issued and expires. */
export interface Sealed<Data> {
  readonly iat: Seconds;
  readonly exp: Seconds;
  readonly data: Data;
}

/**
 * The plaintext of a sealed token: `length of JSON (4 bytes, big-endian) ‖ JSON ‖ packed bytes`,
 * where the JSON is `[iat, exp, data, { field: [bytes of each segment] }]`.
 *
 * An ID token is a JWT, which is base64url. Sealing encodes it again as base64url, and cookie-session
 * a third time as base64; each encoding adds a third. So long fields that are base64url segments
 * joined by dots are stored as decoded bytes. This is not compression: the length depends only on
 * the lengths of the fields and leaks nothing about their content.
 */

/** For shorter texts the list of segment lengths costs more than decoding saves. */
const PACK_FROM_LENGTH = 64;
const JSON_LENGTH_BYTES = 4;

type PackedLengths = Record<string, number[]>;

/** Encodes a token's content; `decodeContent` reverses it. */
export function encodeContent({ iat, exp, data }: Sealed<object>): Buffer {
  const rest: Record<string, unknown> = Object.create(null);
  const lengths: PackedLengths = Object.create(null);
  const packed: Buffer[] = [];
  for (const [field, value] of Object.entries(data)) {
    const segments = typeof value === "string" ? decodeSegments(value) : undefined;
    if (segments === undefined) {
      rest[field] = value;
    } else {
      rest[field] = "";
      lengths[field] = segments.map((segment) => segment.length);
      packed.push(...segments);
    }
  }
  const json = Buffer.from(JSON.stringify([iat, exp, rest, lengths]));
  const head = Buffer.alloc(JSON_LENGTH_BYTES);
  head.writeUInt32BE(json.length);
  return Buffer.concat([head, json, ...packed]);
}

/** Decodes a token's content; undefined if `encodeContent` could not have written the bytes. */
export function decodeContent(bytes: Buffer): Sealed<Record<string, unknown>> | undefined {
  if (bytes.length < JSON_LENGTH_BYTES) return undefined;
  let offset = JSON_LENGTH_BYTES + bytes.readUInt32BE();
  const parsed = parseJson(bytes.toString("utf8", JSON_LENGTH_BYTES, offset));
  if (!Array.isArray(parsed) || parsed.length !== 4) return undefined;
  const [iat, exp, data, lengths] = parsed;
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return undefined;
  if (!isObject(data) || !isObject(lengths)) return undefined;
  for (const [field, sizes] of Object.entries(lengths)) {
    if (!Array.isArray(sizes)) return undefined;
    const segments: string[] = [];
    for (const size of sizes) {
      segments.push(bytes.toString("base64url", offset, offset + size));
      offset += size;
    }
    data[field] = segments.join(".");
  }
  return offset === bytes.length ? { iat, exp, data } : undefined;
}

/** Decodes base64url segments joined by dots; undefined if encoding them gives another text. */
function decodeSegments(text: string): Buffer[] | undefined {
  if (text.length < PACK_FROM_LENGTH || !/^[\w-]+(?:\.[\w-]+)*$/.test(text)) return undefined;
  const segments = text.split(".").map((segment) => Buffer.from(segment, "base64url"));
  const again = segments.map((segment) => segment.toString("base64url")).join(".");
  return again === text ? segments : undefined;
}
