import { type Answer, instanceOf } from "./answer.ts";
import { parseSetCookie } from "./setCookie.ts";
import { connectionError } from "./siteError.ts";

export interface Request {
  readonly method?: string;
  readonly cookie?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  /** Whether only the body's size matters. */
  readonly sizeOnly?: boolean;
}

export interface ClientDeps {
  readonly fetch: typeof fetch;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Milliseconds that one request may take, its body included. */
  readonly timeout: number;
}

/** Seconds by which a server's clock is ahead of this one; negative if it is behind. */
export interface Skew {
  readonly seconds: number;
  readonly instance: string | undefined;
}

/** No page of the service is near it; more of a body is not read. */
const MAX_TEXT_BYTES = 256 * 1024;
/** Sample clips are far below it. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Sends single requests: follows no redirect, keeps no cookie, reads no more than it must. */
export class Client {
  readonly #deps: ClientDeps;
  #requests = 0;
  #worst: Skew | undefined;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
  }

  get requests(): number {
    return this.#requests;
  }

  /** The clock that is furthest from this one, of all that were seen; undefined if none was. */
  get skew(): Skew | undefined {
    return this.#worst;
  }

  /** Unix time in seconds. */
  now(): number {
    return this.#deps.clock() / 1000;
  }

  /** @throws SiteError if there is no answer */
  async ask(url: URL, request: Request = {}): Promise<Answer> {
    const { fetch, clock, timeout } = this.#deps;
    const { method = "GET", cookie, body, sizeOnly = false } = request;
    this.#requests += 1;
    const began = clock();
    try {
      const response = await fetch(url, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(timeout),
        headers: {
          accept: "application/json",
          ...(cookie !== undefined && { cookie }),
          ...request.headers,
        },
        ...(body !== undefined && { body }),
      });
      const { status, headers } = response;
      const instance = instanceOf(headers);
      this.#compareClocks(headers.get("date"), began, instance);
      const read = await readBody(response, sizeOnly);
      const setCookies = headers.getSetCookie().flatMap((line) => parseSetCookie(line) ?? []);
      return { status, headers, instance, setCookies, ...read };
    } catch (error) {
      throw connectionError(url, error);
    }
  }

  /** The header has whole seconds and was written at some time while the request was under way. */
  #compareClocks(date: string | null, began: number, instance: string | undefined): void {
    const server = Date.parse(date ?? "");
    if (Number.isNaN(server)) return;
    const behind = Math.min(0, server + 1000 - began);
    const ahead = Math.max(0, server - this.#deps.clock());
    const seconds = (behind + ahead) / 1000;
    if (this.#worst === undefined || Math.abs(seconds) > Math.abs(this.#worst.seconds)) {
      this.#worst = { seconds, instance };
    }
  }
}

async function readBody(
  response: Response,
  sizeOnly: boolean,
): Promise<{ readonly body: string; readonly bytes: number }> {
  const limit = sizeOnly ? MAX_FILE_BYTES : MAX_TEXT_BYTES;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop ends the transfer.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (!sizeOnly) chunks.push(chunk);
    if (bytes >= limit) break;
  }
  return { body: Buffer.concat(chunks).subarray(0, limit).toString("utf8"), bytes };
}
