import { MAX_ANSWER_BYTES } from "../keys/limits.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import { asObject, type JsonObject, parseObject } from "../pure/json.ts";
import { printable } from "../pure/printable.ts";
import { type AccessTokens, googleAccessTokens } from "./accessToken.ts";
import { needsToken } from "./endpoint.ts";
import { type ApiFailure, type GoogleApi, GoogleApiError } from "./googleApiError.ts";
import { createHttpFetch, type Fetch, type FetchRequest, type FetchResponse } from "./httpFetch.ts";

export interface Answer {
  readonly body: JsonObject;
  /** The server's time, in Unix seconds; undefined if it did not say. */
  readonly serverTime: number | undefined;
}

export type Query = Readonly<Record<string, string>>;

export interface PostOptions {
  readonly query?: Query;
  /** Type of a body that is text. */
  readonly contentType?: string;
  /** Sending it twice does what sending it once does, so it may follow a broken connection. */
  readonly idempotent?: boolean;
}

/** Calls one of Google's APIs. Every failure is a GoogleApiError. */
export interface RestClient {
  /** `path` begins with the API's version: `v1/projects/P/secrets/S`. */
  get(path: string, query?: Query): Promise<Answer>;
  /** Sends an object as JSON, or text. */
  post(path: string, body: object | string, options?: PostOptions): Promise<Answer>;
}

export interface RestClientDeps {
  readonly api: GoogleApi;
  /** Base URL, as `service/google/endpoint.ts` returns it. */
  readonly endpoint: string;
  /** Seconds that a call may take, token and all. */
  readonly timeout: number;
  readonly fetch?: Fetch;
  readonly accessTokens?: AccessTokens;
  readonly abortAfter?: AbortAfter;
}

const FAILURES: Record<number, ApiFailure> = {
  401: "UNAUTHENTICATED",
  403: "FORBIDDEN",
  429: "EXHAUSTED",
};

/** Google's statuses that say something about the resource, not about the call. */
const STATUSES: Record<string, ApiFailure> = {
  NOT_FOUND: "NOT_FOUND",
  FAILED_PRECONDITION: "FAILED_PRECONDITION",
  ABORTED: "FAILED_PRECONDITION",
};

/** The same of APIs whose errors have a code and no status, such as Cloud Storage's. */
const CODES: Record<number, ApiFailure> = { 404: "NOT_FOUND", 412: "FAILED_PRECONDITION" };

/** How Node names a kept connection that the other side had closed, as when an instance thaws. */
const BROKEN_CONNECTION = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** A client of a REST API. Not gRPC: its stack would double a cold start. */
export function createRestClient({
  api,
  endpoint,
  timeout,
  fetch = createHttpFetch(),
  accessTokens = googleAccessTokens(),
  abortAfter = AbortSignal.timeout,
}: RestClientDeps): RestClient {
  const authenticated = needsToken(endpoint);

  async function call({ method, url, idempotent, body, contentType }: Call): Promise<Answer> {
    const signal = abortAfter(timeout * 1000);
    const headers: Record<string, string> = { accept: "application/json" };
    if (contentType !== undefined) headers["content-type"] = contentType;
    if (authenticated) headers.authorization = `Bearer ${await token(signal)}`;
    const request: FetchRequest = {
      method,
      headers,
      signal,
      redirect: "manual",
      ...(body !== undefined && { body }),
    };

    const response = await send(url, request, idempotent);
    const text = await readText(response, signal);
    if (!response.ok) throw refusal(api, response.status, parseObject(text));
    const answer = parseObject(text);
    if (answer === undefined) {
      throw new GoogleApiError(api, "INVALID_ANSWER", `${api.name}'s answer is not a JSON object`);
    }
    return { body: answer, serverTime: parseTime(response.headers.get("date")) };
  }

  async function token(signal: AbortSignal): Promise<string> {
    try {
      return await unlessAborted(accessTokens(), signal);
    } catch (error) {
      if (signal.aborted) throw timedOut(error);
      throw new GoogleApiError(
        api,
        "NO_CREDENTIALS",
        `There are no usable Google credentials to call ${api.name} with`,
        { cause: error },
      );
    }
  }

  async function send(
    url: URL,
    request: FetchRequest,
    idempotent: boolean,
  ): Promise<FetchResponse> {
    try {
      return await fetch(url, request);
    } catch (error) {
      const again = idempotent && BROKEN_CONNECTION.has(connectionCode(error));
      if (!again || request.signal?.aborted) throw unanswered(error, request.signal);
    }
    try {
      return await fetch(url, request);
    } catch (error) {
      throw unanswered(error, request.signal);
    }
  }

  function unanswered(error: unknown, signal: AbortSignal | null | undefined): GoogleApiError {
    if (signal?.aborted) return timedOut(error);
    const code = connectionCode(error);
    const detail = code === "" ? "" : ` (${code})`;
    return new GoogleApiError(
      api,
      "UNREACHABLE",
      `${api.name} at ${endpoint} can't be reached${detail}`,
      { cause: error },
    );
  }

  function timedOut(error: unknown): GoogleApiError {
    return new GoogleApiError(api, "TIMEOUT", `${api.name} did not answer within ${timeout} s`, {
      cause: error,
    });
  }

  async function readText(response: FetchResponse, signal: AbortSignal): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of response.body ?? []) {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) break;
        chunks.push(chunk);
      }
    } catch (error) {
      throw unanswered(error, signal);
    }
    if (size > MAX_ANSWER_BYTES) {
      throw new GoogleApiError(api, "INVALID_ANSWER", `${api.name}'s answer is far too long`);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  return {
    get: (path, query = {}) => call({ method: "GET", url: urlOf(path, query), idempotent: true }),

    post(path, body, { query = {}, contentType, idempotent = false } = {}) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return call({
        method: "POST",
        url: urlOf(path, query),
        idempotent,
        body: text,
        contentType: contentType ?? "application/json",
      });
    },
  };

  function urlOf(path: string, query: Query): URL {
    const url = new URL(`/${path}`, endpoint);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }
}

interface Call {
  readonly method: string;
  readonly url: URL;
  readonly idempotent: boolean;
  readonly body?: string;
  readonly contentType?: string;
}

/** The error that an answer other than 2xx stands for. */
function refusal(api: GoogleApi, status: number, body: JsonObject | undefined): GoogleApiError {
  const error = asObject(body?.error);
  const said =
    typeof error?.message === "string"
      ? `: ${printable(error.message, 300).replace(/\.$/, "")}`
      : "";
  const cause = `${api.name} answered ${status}${said}`;
  const known = knownFailure(status, error);
  // Only Google's own 404 says that something is absent: a proxy's says nothing.
  const failure =
    (status < 500 ? known : undefined) ?? FAILURES[status] ?? failureOf(status, error);
  return new GoogleApiError(api, failure, cause);
}

function knownFailure(status: number, error: JsonObject | undefined): ApiFailure | undefined {
  if (typeof error?.status === "string") return STATUSES[error.status];
  return error?.code === status ? CODES[status] : undefined;
}

function failureOf(status: number, error: JsonObject | undefined): ApiFailure {
  if (status >= 500) return "SERVER_ERROR";
  return status >= 400 && error !== undefined ? "REJECTED" : "INVALID_ANSWER";
}

function connectionCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return asObject(cause)?.code?.toString() ?? "";
}

function parseTime(date: string | null): number | undefined {
  const time = Date.parse(date ?? "");
  return Number.isNaN(time) ? undefined : time / 1000;
}
