/** A Set-Cookie header taken apart (RFC 6265, 4.1). */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  /** The attributes' names in lower case; "" for one without a value. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Size of the whole header value: what RFC 6265, 6.1 counts. */
  readonly bytes: number;
}

/** Undefined if it has no name, which browsers treat each in its own way. */
export function parseSetCookie(line: string): SetCookie | undefined {
  const [pair = "", ...rest] = line.split(";").map((part) => part.trim());
  const [, name = "", value = ""] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
  if (name === "") return undefined;
  const attributes = new Map(
    rest.map((part): [string, string] => {
      const [attribute = "", ...more] = part.split("=");
      return [attribute.trim().toLowerCase(), more.join("=").trim()];
    }),
  );
  return { name, value, attributes, bytes: Buffer.byteLength(line) };
}

/** Seconds that a browser keeps it from `now` (Unix seconds) on; undefined: until it is closed. */
export function keptFor({ attributes }: SetCookie, now: number): number | undefined {
  const maxAge = attributes.get("max-age");
  if (maxAge !== undefined && /^-?\d{1,12}$/.test(maxAge)) return Number(maxAge);
  const expires = Date.parse(attributes.get("expires") ?? "");
  return Number.isNaN(expires) ? undefined : Math.round(expires / 1000 - now);
}

/** Whether it removes the cookie. */
export function isRemoval(cookie: SetCookie, now: number): boolean {
  const seconds = keptFor(cookie, now);
  return seconds !== undefined && seconds <= 0;
}

/** The names that the session's cookie has had. */
export function isSessionName(name: string): boolean {
  return /^(__Host-|__Secure-)?session$/.test(name);
}
