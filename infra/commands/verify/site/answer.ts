import { type JsonObject, parseObject } from "../../../../service/pure/json.ts";
import type { SetCookie } from "./setCookie.ts";

/** What came back for one request. All of it is the other side's word. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly setCookies: readonly SetCookie[];
  /** As much of the body as is read of a page; "" where only the size matters. */
  readonly body: string;
  /** Size of the body, as far as it was read. */
  readonly bytes: number;
  /** The instance's name for itself; undefined if it gave none, or none that could be one. */
  readonly instance: string | undefined;
}

/** An `X-Instance` that can be shown and counted. */
export function instanceOf(headers: Headers): string | undefined {
  const name = headers.get("x-instance") ?? "";
  return /^[\w.-]{1,40}$/.test(name) ? name : undefined;
}

/** The media type without its parameters. */
export function mediaType({ headers }: Answer): string {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  return type.trim().toLowerCase();
}

/** The members of a JSON object; empty if the body is none. */
export function jsonOf({ body }: Answer): JsonObject {
  return parseObject(body) ?? {};
}

/** A problem document's `code`, if it looks like one. */
export function codeOf(answer: Answer): string | undefined {
  const { code } = jsonOf(answer);
  return typeof code === "string" && /^[\w-]{1,60}$/.test(code) ? code : undefined;
}

/** Where a redirect leads to; undefined if the answer is none. */
export function locationOf({ status, headers }: Answer, from: string): URL | undefined {
  const location = headers.get("location");
  if (location === null || status < 300 || status > 399) return undefined;
  return URL.parse(location, from) ?? undefined;
}

/** Whether shared and private caches are told to keep nothing. */
export function isNotStored({ headers }: Answer): boolean {
  return (headers.get("cache-control") ?? "")
    .toLowerCase()
    .split(",")
    .some((directive) => directive.trim() === "no-store");
}

/** The page's CSRF token, as its script reads it. */
export function csrfTokenOf({ body }: Answer): string | undefined {
  return /<meta name="csrf-token" content="([\w-]{16,200})">/.exec(body)?.[1];
}
