import { type JsonObject, parseObject } from "../../../service/pure/json.ts";
import { connectionError } from "./siteError.ts";

export interface Request {
  readonly method?: string;
  readonly cookie?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
}

/** Pages of the service are far smaller; more of a body is not read. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** What is kept of a body. */
const MAX_TEXT_BYTES = 256 * 1024;

export interface ClientDeps {
  readonly fetch: typeof fetch;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Milliseconds that one request may take, its body included. */
  readonly timeout: number;
  readonly secrets: Secrets;
}

/** Sends single requests: follows no redirect, keeps no cookie, reads no more than it must. */
export class Client {
  readonly #deps: ClientDeps;
  requests = 0;
  /** The largest difference between a server's clock and this one, in seconds; positive if ahead. */
  skew: { readonly seconds: number; readonly instance: string | undefined } | undefined;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
  }

  /** Unix time in seconds. */
  now(): number {
    return this.#deps.clock() / 1000;
  }

  /** @throws SiteError if there is no answer */
  async ask(url: URL, { method = "GET", cookie, headers, body }: Request = {}): Promise<Answer> {
    const { fetch, clock, timeout, secrets } = this.#deps;
    this.requests += 1;
    const began = clock();
    try {
      const response = await fetch(url, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(timeout),
        headers: { accept: "application/json", ...(cookie && { cookie }), ...headers },
        ...(body !== undefined && { body }),
      });
      const answer = new Answer(url, response, await readBody(response));
      this.#compareClocks(answer, began);
      for (const { value } of answer.setCookies) secrets.add(value);
      for (const value of answer.location?.searchParams.values() ?? []) secrets.add(value);
      secrets.add(answer.csrfToken ?? "");
      return answer;
    } catch (error) {
      throw connectionError(url, error);
    }
  }

  /** `Date` has whole seconds and was written at some time while the request was in flight. */
  #compareClocks({ headers, instance }: Answer, began: number): void {
    const server = Date.parse(headers.get("date") ?? "");
    if (Number.isNaN(server)) return;
    const behind = Math.min(0, server + 1000 - began);
    const ahead = Math.max(0, server - this.#deps.clock());
    const seconds = (behind + ahead) / 1000;
    if (Math.abs(seconds) >= Math.abs(this.skew?.seconds ?? 0)) this.skew = { seconds, instance };
  }
}

async function readBody(response: Response) {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop ends the transfer.
  for await (const chunk of response.body ?? []) {
    if (bytes < MAX_TEXT_BYTES) chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= MAX_BODY_BYTES) break;
  }
  return { text: Buffer.concat(chunks).subarray(0, MAX_TEXT_BYTES).toString("utf8"), bytes };
}

/** What came back for one request. None of it is trusted. */
export class Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly setCookies: readonly SetCookie[];
  readonly body: string;
  /** Size of the body, as far as it was read. */
  readonly bytes: number;

  constructor(
    url: URL,
    { status, headers }: Response,
    { text, bytes }: { readonly text: string; readonly bytes: number },
  ) {
    this.url = url;
    this.status = status;
    this.headers = headers;
    this.setCookies = headers.getSetCookie().flatMap((line) => parseSetCookie(line) ?? []);
    this.body = text;
    this.bytes = bytes;
  }

  /** The instance's name for itself, if it is one that can be shown and counted. */
  get instance(): string | undefined {
    const name = this.headers.get("x-instance") ?? "";
    return /^[\w.-]{1,40}$/.test(name) ? name : undefined;
  }

  /** The media type without its parameters. */
  get mediaType(): string {
    return (this.headers.get("content-type") ?? "").split(";", 1).join("").trim().toLowerCase();
  }

  /** The members of a JSON object; empty if the body is none. */
  get json(): JsonObject {
    return parseObject(this.body) ?? {};
  }

  /** A problem document's `code`, if it looks like one. */
  get code(): string | undefined {
    const { code } = this.json;
    return typeof code === "string" && /^[\w-]{1,60}$/.test(code) ? code : undefined;
  }

  /** Target of a redirect; undefined if the answer is none. */
  get location(): URL | undefined {
    const location = this.headers.get("location");
    if (location === null || this.status < 300 || this.status > 399) return undefined;
    return URL.parse(location, this.url.href) ?? undefined;
  }

  get isNotStored(): boolean {
    return /(^|,)\s*no-store\s*(,|$)/i.test(this.headers.get("cache-control") ?? "");
  }

  /** The page's CSRF token, as its script reads it. */
  get csrfToken(): string | undefined {
    return /<meta name="csrf-token" content="([\w-]{16,200})">/.exec(this.body)?.[1];
  }

  /** `503 (keys_unavailable)`. */
  get brief(): string {
    return this.code === undefined ? `${this.status}` : `${this.status} (${this.code})`;
  }
}

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

export function isRemoval(cookie: SetCookie, now: number): boolean {
  return (keptFor(cookie, now) ?? 1) <= 0;
}

/** Whether a cookie proves who is signed in. */
export function isCredential(name: string): boolean {
  return /^(__Host-|__Secure-)?session$/.test(name);
}

/** Whether a cookie is of a session: its credential or its data. */
export function isSessionCookie(name: string): boolean {
  return isCredential(name) || /^(__Host-)?data-[\w-]+$/.test(name);
}

/** A browser's cookies of one origin. Paths are not looked at. */
export class Jar {
  readonly #cookies = new Map<string, string>();

  keep({ setCookies }: Answer, now: number): void {
    for (const cookie of setCookies) {
      if (cookie.value === "" || isRemoval(cookie, now)) this.#cookies.delete(cookie.name);
      else this.#cookies.set(cookie.name, cookie.value);
    }
  }

  /** The Cookie header; undefined if there is nothing to send. */
  get header(): string | undefined {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") || undefined;
  }
}

/** Values that are never shown, wherever a site repeats them. */
export class Secrets {
  readonly #values = new Set<string>();

  /** Short values are no secrets, and would blacken ordinary words. */
  add(value: string): void {
    if (value.length >= 16) this.#values.add(value);
  }

  /** To be called before the text is cut short: half a secret would not be found any more. */
  hide(text: string): string {
    let hidden = text;
    for (const value of this.#values) hidden = hidden.replaceAll(value, "(hidden)");
    return hidden;
  }
}
