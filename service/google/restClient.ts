import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import { asObject, type JsonObject, parseObject } from "../pure/json.ts";
import { printable } from "../pure/printable.ts";
import { parseTime, type Seconds } from "../pure/seconds.ts";
import { type AccessTokens, googleAccessTokens } from "./accessToken.ts";
import { needsToken } from "./endpoint.ts";
import { type ApiFailure, type GoogleApi, GoogleApiError } from "./googleApiError.ts";
import { createHttpFetch, type Fetch, type FetchRequest, type FetchResponse } from "./httpFetch.ts";

export interface Answer {
  readonly body: JsonObject;
  /** The server's time; undefined if it did not say. */
  readonly serverTime: Seconds | undefined;
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
  /** How long a call may take, token and all. */
  readonly timeout: Seconds;
  readonly fetch?: Fetch;
  readonly accessTokens?: AccessTokens;
  readonly abortAfter?: AbortAfter;
}

/** Bytes of an answer that are read: ten times the largest page of a list. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

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

  async function call(
    path: string,
    query: Query,
    { idempotent, contentType, ...content }: Content,
  ): Promise<Answer> {
    const url = new URL(`/${path}`, endpoint);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const signal = abortAfter(timeout * 1000);
    const headers: Record<string, string> = { accept: "application/json" };
    if (contentType !== undefined) headers["content-type"] = contentType;
    if (authenticated) headers.authorization = `Bearer ${await token(signal)}`;

    const request: FetchRequest = { ...content, headers, signal, redirect: "manual" };
    const response = await send(url, request, idempotent);
    const text = await readText(response, signal);
    const body = parseObject(text);
    if (!response.ok) throw refusal(api, response.status, body);
    if (body === undefined) {
      throw new GoogleApiError(api, "INVALID_ANSWER", `${api.name}'s answer is not a JSON object`);
    }
    return { body, serverTime: parseTime(response.headers.get("date")) };
  }

  async function token(signal: AbortSignal): Promise<string> {
    try {
      return await unlessAborted(accessTokens(), signal);
    } catch (cause) {
      if (signal.aborted) throw timedOut(cause);
      const what = `There are no usable Google credentials to call ${api.name} with`;
      throw new GoogleApiError(api, "NO_CREDENTIALS", what, { cause });
    }
  }

  async function send(url: URL, request: FetchRequest, mayRepeat: boolean): Promise<FetchResponse> {
    try {
      return await fetch(url, request);
    } catch (error) {
      const broken = BROKEN_CONNECTION.has(connectionCode(error)) && !request.signal.aborted;
      if (mayRepeat && broken) return send(url, request, false);
      throw unanswered(error, request.signal);
    }
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

  function unanswered(cause: unknown, signal: AbortSignal): GoogleApiError {
    if (signal.aborted) return timedOut(cause);
    const code = connectionCode(cause);
    const what = `${api.name} at ${endpoint} can't be reached${code && ` (${code})`}`;
    return new GoogleApiError(api, "UNREACHABLE", what, { cause });
  }

  function timedOut(cause: unknown): GoogleApiError {
    const what = `${api.name} did not answer within ${timeout} s`;
    return new GoogleApiError(api, "TIMEOUT", what, { cause });
  }

  return {
    get: (path, query = {}) => call(path, query, { method: "GET", idempotent: true }),
    post: (path, body, { query = {}, contentType, idempotent = false } = {}) =>
      call(path, query, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        contentType: contentType ?? "application/json",
        idempotent,
      }),
  };
}

interface Content extends Pick<FetchRequest, "method" | "body"> {
  readonly contentType?: string;
  readonly idempotent: boolean;
}

/** The error that an answer other than 2xx stands for. */
function refusal(api: GoogleApi, status: number, body: JsonObject | undefined): GoogleApiError {
  const error = asObject(body?.error);
  const message =
    typeof error?.message === "string" ? printable(error.message, 300).replace(/\.$/, "") : "";
  const failure = (status < 500 && resourceFailure(status, error)) || callFailure(status, error);
  return new GoogleApiError(
    api,
    failure,
    `${api.name} answered ${status}${message && `: ${message}`}`,
  );
}

/** Only Google's own errors say that something is absent: a proxy's 404 says nothing. */
function resourceFailure(status: number, error: JsonObject | undefined): ApiFailure | undefined {
  if (typeof error?.status === "string") return STATUSES[error.status];
  return error?.code === status ? CODES[status] : undefined;
}

function callFailure(status: number, error: JsonObject | undefined): ApiFailure {
  if (status >= 500) return "SERVER_ERROR";
  const refused = status >= 400 && error !== undefined;
  return FAILURES[status] ?? (refused ? "REJECTED" : "INVALID_ANSWER");
}

function connectionCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return asObject(cause)?.code?.toString() ?? "";
}
