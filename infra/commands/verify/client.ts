import { type JsonObject, parseObject } from "../../../service/pure/json.ts";
import { connectionError, type SiteError } from "./siteError.ts";

interface Request {
  readonly method?: string;
  readonly cookie?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
}

/** Reading of a body stops here. Pages of the service are far smaller. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Only this much of a body is kept: enough for a page's head. */
const MAX_TEXT_BYTES = 64 * 1024;
/** After so many requests in a row without an answer, the site counts as gone. */
const MAX_LOST = 12;
/** Milliseconds that a request may take to a site that counts as gone. */
const GONE_TIMEOUT = 1_000;

interface ClientDeps {
  readonly fetch: typeof fetch;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Milliseconds that one request may take, its body included. */
  readonly timeout: number;
  readonly secrets: Secrets;
}

/** An HTTP client that follows no redirects, keeps no cookies and bounds what it reads. */
export class Client {
  readonly #deps: ClientDeps;
  requests = 0;
  /** Requests without an answer. */
  lost = 0;
  /** The largest clock skew that was seen, in seconds; positive if the server is ahead. */
  skew: { readonly seconds: number; readonly instance: string | undefined } | undefined;
  /** Requests without an answer since the last answer. */
  #lostInARow = 0;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
  }

  /** Unix time in seconds. */
  now(): number {
    return this.#deps.clock() / 1000;
  }

  /** Never throws: without an answer, the result has status 0 and an `error`. */
  async ask(url: URL, request: Request = {}): Promise<Answer> {
    const { clock, secrets } = this.#deps;
    this.requests += 1;
    const began = clock();
    const answer = await this.#send(url, request);
    if (answer.error !== undefined) this.lost += 1;
    this.#lostInARow = answer.error === undefined ? 0 : this.#lostInARow + 1;
    this.#compareClocks(answer, began);
    for (const { value } of answer.setCookies) secrets.add(value);
    for (const value of answer.location?.searchParams.values() ?? []) secrets.add(value);
    secrets.add(answer.csrfToken ?? "");
    return answer;
  }

  async #send(url: URL, { method = "GET", cookie, headers, body }: Request): Promise<Answer> {
    const { fetch, timeout } = this.#deps;
    try {
      const response = await fetch(url, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(this.#lostInARow < MAX_LOST ? timeout : GONE_TIMEOUT),
        headers: { accept: "application/json", ...(cookie && { cookie }), ...headers },
        ...(body !== undefined && { body }),
      });
      return new Answer(method, url, response, await readBody(response));
    } catch (error) {
      return new Answer(method, url, Response.error(), NO_BODY, connectionError(url, error));
    }
  }

  /**
   * Calls `turn` at most `most` times, 12 to 100 at a time, until `enough` returns true or the site
   * counts as gone.
   */
  async load(
    most: number,
    turn: (turn: number) => Promise<unknown>,
    enough: (turns: number) => boolean,
  ): Promise<void> {
    let turns = 0;
    const visitor = async () => {
      while (turns < most && this.#lostInARow < MAX_LOST && !enough(turns)) await turn(turns++);
    };
    const width = Math.min(100, Math.max(12, Math.floor(most / 8)));
    await Promise.all(Array.from({ length: width }, visitor));
  }

  /** `Date` has whole seconds, and was written at any time while the request was in flight. */
  #compareClocks({ headers, instance }: Answer, began: number): void {
    const server = Date.parse(headers.get("date") ?? "");
    if (Number.isNaN(server)) return;
    const behind = Math.min(0, server + 1000 - began);
    const ahead = Math.max(0, server - this.#deps.clock());
    const seconds = (behind + ahead) / 1000;
    if (Math.abs(seconds) >= Math.abs(this.skew?.seconds ?? 0)) this.skew = { seconds, instance };
  }
}

const NO_BODY = { text: "", bytes: 0 };

async function readBody(response: Response): Promise<typeof NO_BODY> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the transfer.
  for await (const chunk of response.body ?? []) {
    if (bytes < MAX_TEXT_BYTES) chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= MAX_BODY_BYTES) break;
  }
  return { text: Buffer.concat(chunks).subarray(0, MAX_TEXT_BYTES).toString("utf8"), bytes };
}

/** An answer. Nothing in it is trusted. */
export class Answer {
  readonly method: string;
  readonly url: URL;
  /** 0: no answer. */
  readonly status: number;
  readonly headers: Headers;
  readonly setCookies: readonly SetCookie[];
  readonly body: string;
  /** Number of bytes of the body that were read. */
  readonly bytes: number;
  /** X-Instance; undefined if it is missing or malformed. */
  readonly instance: string | undefined;
  /** Why there is no answer. */
  readonly error: SiteError | undefined;

  constructor(
    method: string,
    url: URL,
    { status, headers }: Response,
    { text, bytes }: typeof NO_BODY,
    error?: SiteError,
  ) {
    this.method = method;
    this.url = url;
    this.status = status;
    this.headers = headers;
    this.setCookies = headers.getSetCookie().flatMap((line) => parseSetCookie(line) ?? []);
    [this.instance] = /^[\w.-]{1,40}$/.exec(headers.get("x-instance") ?? "") ?? [];
    this.body = text;
    this.bytes = bytes;
    this.error = error;
  }

  /** The media type without its parameters. */
  get mediaType(): string {
    return (this.headers.get("content-type") ?? "").split(";", 1).join("").trim().toLowerCase();
  }

  /** The body as a JSON object; empty if it is not one. */
  get json(): JsonObject {
    return parseObject(this.body) ?? {};
  }

  /** A problem document's `code`, or the error's; undefined if it is missing or malformed. */
  get code(): string | undefined {
    const code = this.error?.code ?? this.json.code;
    return typeof code === "string" && /^[\w-]{1,60}$/.test(code) ? code : undefined;
  }

  /** Target of a redirect; undefined if the answer is not a redirect. */
  get location(): URL | undefined {
    const location = this.headers.get("location");
    if (location === null || this.status < 300 || this.status > 399) return undefined;
    return URL.parse(location, this.url.href) ?? undefined;
  }

  /** Whether it says that nobody is signed in. */
  get isRefusal(): boolean {
    return this.status === 401 || this.location?.pathname === "/login";
  }

  /** Whether the service failed, or something on the way to it. */
  get isFailure(): boolean {
    return this.status === 0 || this.status >= 500;
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
    const status = this.status === 0 ? "no answer" : `${this.status}`;
    return this.code === undefined ? status : `${status} (${this.code})`;
  }
}

/** A parsed Set-Cookie header (RFC 6265, 4.1). */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  /** The attributes' names in lower case; "" for one without a value. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Size of the whole header value: what RFC 6265, 6.1 counts. */
  readonly bytes: number;
}

/** Undefined for a cookie without a name, which browsers treat differently. */
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

/** Seconds from `now` (Unix seconds) until a cookie expires; undefined for a browser session's. */
export function keptFor({ attributes }: SetCookie, now: number): number | undefined {
  const maxAge = attributes.get("max-age");
  if (maxAge !== undefined && /^-?\d{1,12}$/.test(maxAge)) return Number(maxAge);
  const expires = Date.parse(attributes.get("expires") ?? "");
  return Number.isNaN(expires) ? undefined : Math.round(expires / 1000 - now);
}

export function isRemoval(cookie: SetCookie, now: number): boolean {
  return cookie.value === "" || (keptFor(cookie, now) ?? 1) <= 0;
}

/** Whether a name is a credential cookie's. */
export function isCredential(name: string): boolean {
  return /^(__Host-|__Secure-)?session$/.test(name);
}

/** A visitor, who keeps cookies by origin, whatever their paths. */
export class Visitor {
  readonly #client: Client;
  readonly #cookies = new Map<string, Map<string, string>>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Asks with the cookies kept so far: GET, or POST with a form. */
  async ask(url: URL, form?: URLSearchParams): Promise<Answer> {
    const request = { cookie: this.cookies(url), ...(form && { method: "POST", body: form }) };
    const answer = await this.#client.ask(url, request);
    const cookies = this.#cookies.get(url.origin) ?? new Map<string, string>();
    this.#cookies.set(url.origin, cookies);
    for (const cookie of answer.setCookies) {
      if (isRemoval(cookie, this.#client.now())) cookies.delete(cookie.name);
      else cookies.set(cookie.name, cookie.value);
    }
    return answer;
  }

  /** The Cookie header for a URL; undefined if there is nothing to send. */
  cookies({ origin }: URL): string | undefined {
    const cookies = this.#cookies.get(origin) ?? [];
    return [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") || undefined;
  }
}

/** Values that are redacted in all output, wherever a site repeats them. */
export class Secrets {
  readonly #values = new Set<string>();

  /** Ignores short values, which are not secrets and would redact ordinary words. */
  add(value: string): void {
    if (value.length >= 16) this.#values.add(value);
  }

  /** Call it before the text is truncated: part of a secret would not be found. */
  hide(text: string): string {
    let hidden = text;
    for (const value of this.#values) hidden = hidden.replaceAll(value, "(hidden)");
    return hidden;
  }
}
