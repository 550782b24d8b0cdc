import { hash } from "node:crypto";

/** What a browser is sure to keep: RFC 6265, 6.1 counts name, value and attributes. */
export const MAX_COOKIE_BYTES = 4096;

/**
 * The most that the data's cookie may have, with its attributes. A late answer can leave a second
 * one behind until the next request: together with the credential and the sign-ins that were begun
 * they stay below 12 kB, because Node refuses headers above 16 kB.
 */
export const MAX_DATA_COOKIE_BYTES = 2048;

export interface CookieName {
  readonly name: string;
  /** Whether the cookie is sent over https only. */
  readonly secure: boolean;
}

/**
 * The cookie that says who is signed in. The prefix `__Host-` makes browsers refuse the cookie from
 * another host, path or over http.
 */
export function sessionCookie(secure: boolean): CookieName {
  return { name: secure ? "__Host-session" : "session", secure };
}

/** What the names of data cookies begin with, and what data is sealed for. */
export function dataCookiePrefix(secure: boolean): string {
  return secure ? "__Host-data" : "data";
}

/** 48 bits: enough to tell the few sessions of one browser apart. */
const TAG_LENGTH = 8;

/** The cookie with what the application keeps in the session of that id. */
export function dataCookie(secure: boolean, sid: string): CookieName {
  const tag = hash("sha256", sid, "base64url").slice(0, TAG_LENGTH);
  return { name: `${dataCookiePrefix(secure)}-${tag}`, secure };
}

/** Names of all data cookies in a Cookie header, of whichever session. */
export function dataCookieNames(header: string | undefined, secure: boolean): string[] {
  const prefix = dataCookiePrefix(secure);
  if (header === undefined) return [];
  const name = new RegExp(`^${prefix}-[\\w-]{${TAG_LENGTH}}$`);
  const names = header.split(";").map((pair) => pair.split("=", 1)[0]?.trim() ?? "");
  return [...new Set(names.filter((candidate) => name.test(candidate)))];
}

/** The attributes of every cookie of a session. */
export function cookieAttributes(secure: boolean) {
  return { httpOnly: true, sameSite: "lax", secure, path: "/" } as const;
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
