import { hash } from "node:crypto";

/** Largest cookie that every browser accepts; name, value and attributes count: RFC 6265, 6.1. */
export const MAX_COOKIE_BYTES = 4096;

/**
 * Limit for the data cookie, attributes included. A late response of an earlier session can leave a
 * second data cookie in the browser until the next request. Both, the credential and the cookies of
 * pending sign-ins stay below 12 kB together.
 */
export const MAX_DATA_COOKIE_BYTES = 2048;

export interface CookieName {
  readonly name: string;
  /** Whether the cookie is sent over https only. */
  readonly secure: boolean;
}

/**
 * The credential cookie, which says who is signed in. Browsers accept the prefix `__Host-` only
 * over https, without a Domain attribute and with the path `/`.
 */
export function sessionCookie(secure: boolean): CookieName {
  return { name: secure ? "__Host-session" : "session", secure };
}

/** Prefix of data cookies' names, and the name that data is sealed under. */
export function dataCookiePrefix(secure: boolean): string {
  return secure ? "__Host-data" : "data";
}

/** 48 bits: enough to keep the few sessions of one browser apart. */
const TAG_LENGTH = 8;

/** The cookie for the application's data in the session with this id. */
export function dataCookie(secure: boolean, sid: string): CookieName {
  const tag = hash("sha256", sid, "base64url").slice(0, TAG_LENGTH);
  return { name: `${dataCookiePrefix(secure)}-${tag}`, secure };
}

/** Names of all data cookies in a Cookie header, this session's and any other's. */
export function dataCookieNames(header: string | undefined, secure: boolean): string[] {
  const prefix = dataCookiePrefix(secure);
  if (header === undefined) return [];
  const name = new RegExp(`^${prefix}-[\\w-]{${TAG_LENGTH}}$`);
  const names = header.split(";").map((pair) => pair.split("=", 1)[0]?.trim() ?? "");
  return [...new Set(names.filter((candidate) => name.test(candidate)))];
}

/** Attributes of the credential cookie and of data cookies. */
export function cookieAttributes(secure: boolean) {
  return { httpOnly: true, sameSite: "lax", secure, path: "/" } as const;
}

/** The raw value of the first cookie with this name in a Cookie header. */
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
