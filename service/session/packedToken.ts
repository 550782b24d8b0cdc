/**
 * An ID token is a JWT, which is base64url. Sealing encodes it again as base64url, and
 * cookie-session a third time as base64; each encoding adds a third. So its three segments are
 * sealed as decoded bytes. This is not compression: the size depends on the token's length alone.
 */

/** First byte; then the text itself. */
const TEXT = 0;
/** First byte; then the sizes of the first two segments (2 bytes, big-endian), and all three. */
const SEGMENTS = 1;
const HEAD_BYTES = 5;
const MAX_SEGMENT_BYTES = 0xffff;

/** Packs an ID token; `unpackToken` reverses it for any text. */
export function packToken(text: string): Buffer {
  const segments = text.split(".").map((segment) => Buffer.from(segment, "base64url"));
  const [header, claims] = segments;
  const isPackable =
    segments.length === 3 &&
    segments.every(({ length }) => length <= MAX_SEGMENT_BYTES) &&
    segments.map((segment) => segment.toString("base64url")).join(".") === text;
  if (!isPackable || header === undefined || claims === undefined) {
    return Buffer.concat([Buffer.of(TEXT), Buffer.from(text)]);
  }
  const head = Buffer.of(SEGMENTS, 0, 0, 0, 0);
  head.writeUInt16BE(header.length, 1);
  head.writeUInt16BE(claims.length, 3);
  return Buffer.concat([head, ...segments]);
}

/** The text that `packToken` packed. */
export function unpackToken(packed: Buffer): string {
  if (packed[0] === TEXT) return packed.toString("utf8", 1);
  const claims = HEAD_BYTES + packed.readUInt16BE(1);
  const signature = claims + packed.readUInt16BE(3);
  return [
    packed.toString("base64url", HEAD_BYTES, claims),
    packed.toString("base64url", claims, signature),
    packed.toString("base64url", signature),
  ].join(".");
}
