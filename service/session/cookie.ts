import { OperatorError } from "../contract/errors.ts";

/** What a browser is sure to keep: RFC 6265, 6.1 counts name, value and attributes. */
export const MAX_COOKIE_BYTES = 4096;

/** Where and how the session's cookie is sent. */
export interface SessionCookie {
  readonly name: string;
  /** Whether it is sent over https only. */
  readonly secure: boolean;
}

/** The prefix `__Host-` makes browsers refuse the cookie from another host, path or over http. */
export function sessionCookie(secure: boolean): SessionCookie {
  return { name: secure ? "__Host-session" : "session", secure };
}

/** The session doesn't fit into a cookie. The session before this response stays as it was. */
export class SessionTooLargeError extends OperatorError {
  constructor(total: number, data: object) {
    const [field, size] = largestField(data);
    super(
      "SESSION_TOO_LARGE",
      `The session's cookie would be ${total} bytes, and browsers keep ${MAX_COOKIE_BYTES}. ` +
        `Its largest field is ${field} with ${size} bytes: store less in it.`,
    );
  }
}

/** A cookie for https only would have to be sent over http. */
export class InsecureTransportError extends OperatorError {
  constructor() {
    super(
      "COOKIE_NEEDS_HTTPS",
      "SESSION_COOKIE_SECURE is true, and this request came over http, where a browser does not " +
        "keep the cookie. Open the site over https; where no https is to be had, as on a laptop, " +
        "set SESSION_COOKIE_SECURE=false.",
    );
  }
}

/** The session holds something that JSON can't carry. */
export class SessionNotSerializableError extends OperatorError {
  constructor(cause: unknown) {
    super(
      "SESSION_NOT_SERIALIZABLE",
      "The session holds a value that JSON can't carry, such as a BigInt or a cycle.",
      { cause },
    );
  }
}

/** The value of the first cookie of that name in a Cookie header, exactly as it was sent. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  const start = `${name}=`;
  for (let from = 0; from <= header.length; ) {
    while (header[from] === " " || header[from] === "\t") from += 1;
    const semicolon = header.indexOf(";", from);
    const to = semicolon === -1 ? header.length : semicolon;
    if (header.startsWith(start, from)) return header.slice(from + start.length, to);
    from = to + 1;
  }
  return undefined;
}

function largestField(data: object): [field: string, bytes: number] {
  const sizes = Object.entries(data).map(([field, value]): [string, number] => [
    field,
    Buffer.byteLength(JSON.stringify(value) ?? ""),
  ]);
  return sizes.reduce((a, b) => (b[1] > a[1] ? b : a), ["(none)", 0]);
}
