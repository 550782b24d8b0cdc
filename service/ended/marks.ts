import { hash } from "node:crypto";
import { comparableAddress } from "../contract/emailAddress.ts";
import type { Seconds } from "../pure/seconds.ts";

/**
 * Whom a mark is about: one session, all sessions of a user, of an e-mail address, of one session
 * at the sign-in provider, or everybody's. Their hash is SHA-256 as a string of 32 bytes: it is the
 * key of large maps, and half as long as in hexadecimal.
 */
export type Who =
  | { readonly kind: "s" | "u" | "e" | "p"; readonly hash: string }
  | { readonly kind: "all" };

/** Folders of marks: `feed` has all, and `people` those of people again. */
export type Folder = "people" | "feed";

/** Content of an object's name. */
export interface MarkName {
  readonly who: Who;
  /** Unix time by the writer's clock. */
  readonly time: Seconds;
}

/** Ends one session, or all that began no later than `before`. */
export interface Mark extends MarkName {
  /** Unix time by the server's clock. */
  readonly before: Seconds;
}

/** The person of a session: fields of its credential. */
export interface Person {
  readonly iss: string;
  readonly user_id: string;
  readonly user_email?: string | undefined;
  /** The session at the provider, if its ID tokens name one. */
  readonly provider_sid?: string | undefined;
}

export const EVERYBODY: Who = { kind: "all" };

/** The latest time in milliseconds that a name can hold: in the year 2286. */
const LAST_MILLISECOND = 9_999_999_999_999;

const MARK = /^(?:people|feed)\/(\d{13})~(?:all|([suep]):([\w-]{42}[AEIMQUYcgkosw048]))~[\w-]{11}$/;

/** Hash of a session's id. */
export function sessionHash(sid: string): string {
  return sha256(`s\n${sid}`);
}

/** All sessions of the provider's user. */
export function userMark(issuer: string, subject: string): Who {
  return { kind: "u", hash: sha256(`u\n${bare(issuer)}\n${subject}`) };
}

/** All sessions of an e-mail address, normalized. */
export function addressMark(address: string): Who {
  return { kind: "e", hash: sha256(`e\n${comparableAddress(address) ?? address}`) };
}

/** All sessions that began in one session at the provider. */
export function providerSessionMark(issuer: string, sid: string): Who {
  return { kind: "p", hash: sha256(`p\n${bare(issuer)}\n${sid}`) };
}

/** Name of a session's own mark: `sessions/<hash>`. */
export function sessionObject(sid: string): string {
  return `sessions/${Buffer.from(sessionHash(sid), "latin1").toString("base64url")}`;
}

/** `<folder>/<time>~<who>~<random>`, where `random` is 11 characters of base64url. */
export function markObject(folder: Folder, { who, time }: MarkName, random: string): string {
  return `${folder}/${countdown(time)}~${describe(who)}~${random}`;
}

/** Parses an object's name; undefined if it is not canonical. */
export function parseMarkObject(name: string): MarkName | undefined {
  const [match, digits, kind, encoded] = MARK.exec(name) ?? [];
  if (match === undefined) return undefined;
  const time = (LAST_MILLISECOND - Number(digits)) / 1000;
  if (kind === undefined || encoded === undefined) return { who: EVERYBODY, time };
  // Decoding also copies. A substring of the name would keep the whole response in memory.
  const decoded = Buffer.from(encoded, "base64url").toString("latin1");
  return { who: { kind: kind as "s" | "u" | "e" | "p", hash: decoded }, time };
}

/** The first name of marks before a time. Lists that end here have the later marks. */
export function firstNameBefore(folder: Folder, time: Seconds): string {
  return `${folder}/${countdown(time - 0.001)}`;
}

/** Counts down, so that lists sorted by name begin with the newest. */
function countdown(time: Seconds): string {
  const milliseconds = Math.min(Math.max(Math.floor(time * 1000 + 1e-3), 0), LAST_MILLISECOND);
  return String(LAST_MILLISECOND - milliseconds).padStart(13, "0");
}

function describe(who: Who): string {
  if (who.kind === "all") return "all";
  return `${who.kind}:${Buffer.from(who.hash, "latin1").toString("base64url")}`;
}

/** The issuer without the final slash that a URL has. */
function bare(issuer: string): string {
  return issuer.endsWith("/") ? issuer.slice(0, -1) : issuer;
}

function sha256(text: string): string {
  return hash("sha256", text, "binary");
}
