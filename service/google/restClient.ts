import { isLoopbackHttp } from "../contract/loopback.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import { asObject, type JsonObject, parseObject } from "../pure/json.ts";
import { printable } from "../pure/printable.ts";
import { parseTime, type Seconds } from "../pure/seconds.ts";
import { type AccessTokens, googleAccessTokens } from "./accessToken.ts";
import {
  type ApiFailure,
  type GoogleApi,
  GoogleApiError,
  invalidAnswer,
} from "./googleApiError.ts";
import { createHttpFetch, type Fetch, type FetchRequest, type FetchResponse } from "./httpFetch.ts";

/** Undefined parameters are left out. */
type Query = Readonly<Record<string, string | number | undefined>>;

interface Content {
  readonly type: string;
  readonly body: string;
  /** Whether it may be sent again after a broken connection. */
  readonly idempotent: boolean;
}

export type RestClient = ReturnType<typeof createRestClient>;

export interface RestClientDeps {
  readonly api: GoogleApi;
  /** Base URL, as `service/google/endpoint.ts` returns it. */
  readonly endpoint: string;
  /** Timeout of a call, including the token. */
  readonly timeout: Seconds;
  readonly fetch?: Fetch;
  readonly accessTokens?: AccessTokens;
  readonly abortAfter?: AbortAfter;
}

/** Limit for a response in bytes: ten times the largest page of a list. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Failures of the call, by HTTP status. */
const CALL_FAILURES = new Map<number, ApiFailure>([
  [401, "UNAUTHENTICATED"],
  [403, "FORBIDDEN"],
  [429, "EXHAUSTED"],
]);

/** Failures about the resource: by Google's status, or by code for Storage, which has none. */
const RESOURCE_FAILURES = new Map<unknown, ApiFailure>([
  ["NOT_FOUND", "NOT_FOUND"],
  ["FAILED_PRECONDITION", "FAILED_PRECONDITION"],
  ["ABORTED", "FAILED_PRECONDITION"],
  [404, "NOT_FOUND"],
  [412, "FAILED_PRECONDITION"],
]);

/** Node's error codes if the server closed a keep-alive connection, as during a freeze. */
const BROKEN_CONNECTION = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/**
 * Calls one of Google's REST APIs. Every failure is a GoogleApiError. Not gRPC: its stack would
 * double a cold start.
 */
export function createRestClient({
  api,
  endpoint,
  timeout,
  fetch = createHttpFetch(),
  accessTokens = googleAccessTokens(),
  abortAfter = AbortSignal.timeout,
}: RestClientDeps) {
  // Google always gets a token, and whoever answers on this machine never does.
  const authenticated = !isLoopbackHttp(new URL(endpoint));

  async function call(path: string, query: Query, content?: Content) {
    const url = new URL(`/${path}`, endpoint);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const signal = abortAfter(timeout * 1000);
    const headers: Record<string, string> = { accept: "application/json" };
    if (content !== undefined) headers["content-type"] = content.type;
    const method = content === undefined ? "GET" : "POST";
    const body = content?.body ?? null;
    const request: FetchRequest = { method, headers, signal, redirect: "manual", body };
    try {
      if (authenticated) {
        const token = await unlessAborted(accessTokens().catch(withoutCredentials), signal);
        headers.authorization = `Bearer ${token}`;
      }
      const response = await send(url, request, content?.idempotent ?? true);
      const { status } = response;
      const answer = parseObject(await readText(response.body));
      if (status < 200 || status > 299) throw refusal(api, status, answer);
      if (answer === undefined) throw invalidAnswer(api, "something that is not a JSON object");
      return { body: answer, serverTime: parseTime(response.headers.get("date")) };
    } catch (error) {
      throw error instanceof GoogleApiError ? error : unanswered(error, signal);
    }
  }

  function withoutCredentials(cause: unknown): never {
    const what = `There are no usable Google credentials to call ${api.name} with`;
    throw new GoogleApiError(api, "NO_CREDENTIALS", what, { cause });
  }

  function send(url: URL, request: FetchRequest, mayRepeat: boolean): Promise<FetchResponse> {
    return fetch(url, request).catch((error: unknown) => {
      const broken = BROKEN_CONNECTION.has(connectionCode(error)) && !request.signal.aborted;
      if (mayRepeat && broken) return fetch(url, request);
      throw error;
    });
  }

  async function readText(body: FetchResponse["body"]): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body ?? []) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) throw invalidAnswer(api, "far too much");
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  function unanswered(cause: unknown, signal: AbortSignal): GoogleApiError {
    if (signal.aborted) {
      const what = `${api.name} did not answer within ${timeout} s`;
      return new GoogleApiError(api, "TIMEOUT", what, { cause });
    }
    const code = connectionCode(cause);
    const what = `${api.name} at ${endpoint} can't be reached${code && ` (${code})`}`;
    return new GoogleApiError(api, "UNREACHABLE", what, { cause });
  }

  return {
    /** @param path begins with the API's version: `v1/projects/P/secrets/S` */
    get: async (path: string, query: Query = {}) => (await call(path, query)).body,

    async post(path: string, body: object): Promise<JsonObject> {
      const json = { type: "application/json", body: JSON.stringify(body), idempotent: false };
      return (await call(path, {}, json)).body;
    },

    /** The query has to make it idempotent. */
    async upload(path: string, query: Query, type: string, body: string): Promise<JsonObject> {
      return (await call(path, query, { type, body, idempotent: true })).body;
    },

    /**
     * A page of a list, and the server's time; undefined if the response has none.
     * @param field of the response that has the list; Google leaves it out if the list is empty
     * @param emptyKind of an empty list, in APIs whose lists have a kind
     */
    async list(path: string, field: string, query: Query, emptyKind?: string) {
      const { body, serverTime } = await call(path, query);
      const { [field]: list = body.kind === emptyKind ? [] : undefined, nextPageToken } = body;
      if (!Array.isArray(list)) throw invalidAnswer(api, `a list without ${field}`);
      return {
        items: list.map((item) => asObject(item) ?? {}),
        nextPageToken: (typeof nextPageToken === "string" && nextPageToken) || undefined,
        serverTime,
      };
    },
  };
}

/** The error for a response with a status other than 2xx. */
function refusal(api: GoogleApi, status: number, body: JsonObject | undefined): GoogleApiError {
  const error = asObject(body?.error);
  const message =
    typeof error?.message === "string" ? printable(error.message, 300).replace(/\.$/, "") : "";
  const what = `${api.name} answered ${status}${message && `: ${message}`}`;
  return new GoogleApiError(api, failureOf(status, error), what);
}

function failureOf(status: number, error: JsonObject | undefined): ApiFailure {
  if (status >= 500) return "SERVER_ERROR";
  const callFailure = CALL_FAILURES.get(status);
  if (callFailure !== undefined) return callFailure;
  // Only Google's own 404 means that the resource is missing; a proxy's doesn't.
  if (status < 400 || error === undefined) return "INVALID_ANSWER";
  return RESOURCE_FAILURES.get(error.status ?? error.code) ?? "REJECTED";
}

function connectionCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return asObject(cause)?.code?.toString() ?? "";
}
