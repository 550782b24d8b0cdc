import { MAX_ANSWER_BYTES } from "../keys/limits.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import { asObject, type JsonObject, parseObject } from "../pure/json.ts";
import { printable } from "../pure/printable.ts";
import { type AccessTokens, googleAccessTokens } from "./accessToken.ts";
import { needsToken } from "./endpoint.ts";
import { createHttpFetch, type Fetch, type FetchRequest, type FetchResponse } from "./httpFetch.ts";
import { SecretManagerError, type SecretManagerFailure } from "./secretManagerError.ts";

export interface Answer {
  readonly body: JsonObject;
  /** The server's time, in Unix seconds; undefined if it did not say. */
  readonly serverTime: number | undefined;
}

/** Calls Secret Manager. Every failure is a SecretManagerError. */
export interface RestClient {
  /** `path` is what follows `/v1/`. */
  get(path: string, query?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string, body: object): Promise<Answer>;
}

export interface RestClientDeps {
  /** Base URL, as `parseEndpoint` returns it. */
  readonly endpoint: string;
  /** Seconds that a call may take, token and all. */
  readonly timeout: number;
  /** Time in seconds, from any beginning. */
  readonly clock?: () => number;
  readonly fetch?: Fetch;
  readonly accessTokens?: AccessTokens;
  readonly abortAfter?: AbortAfter;
}

const FAILURES: Record<number, SecretManagerFailure> = {
  401: "UNAUTHENTICATED",
  403: "FORBIDDEN",
  429: "EXHAUSTED",
};

/** Google's statuses that say something about the version, not about the call. */
const STATUSES: Record<string, SecretManagerFailure> = {
  NOT_FOUND: "NOT_FOUND",
  FAILED_PRECONDITION: "FAILED_PRECONDITION",
  ABORTED: "FAILED_PRECONDITION",
};

/** How Node names a kept connection that the other side had closed, as when an instance thaws. */
const BROKEN_CONNECTION = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** How many times longer than its time limit a call takes only if this process was frozen. */
const FROZEN_TIMES = 2;

/** A client of Secret Manager's v1 REST API. Not gRPC: its stack would double a cold start. */
export function createRestClient({
  endpoint,
  timeout,
  clock = () => Date.now() / 1000,
  fetch = createHttpFetch(),
  accessTokens = googleAccessTokens(),
  abortAfter = AbortSignal.timeout,
}: RestClientDeps): RestClient {
  const authenticated = needsToken(endpoint);

  /** Reads again what was frozen in the middle: its time is up, though nobody was slow. */
  async function read(url: URL): Promise<Answer> {
    const since = clock();
    try {
      return await call("GET", url);
    } catch (error) {
      if (clock() - since <= FROZEN_TIMES * timeout) throw error;
      return call("GET", url);
    }
  }

  async function call(method: string, url: URL, body?: object): Promise<Answer> {
    const signal = abortAfter(timeout * 1000);
    const headers: Record<string, string> = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (authenticated) headers.authorization = `Bearer ${await token(signal)}`;
    const request: FetchRequest = {
      method,
      headers,
      signal,
      redirect: "manual",
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };

    const response = await send(url, request);
    const text = await readText(response, signal);
    if (!response.ok) throw refusal(response.status, parseObject(text));
    const answer = parseObject(text);
    if (answer === undefined) {
      throw new SecretManagerError(
        "INVALID_ANSWER",
        "Secret Manager's answer is not a JSON object",
      );
    }
    return { body: answer, serverTime: parseTime(response.headers.get("date")) };
  }

  async function token(signal: AbortSignal): Promise<string> {
    try {
      return await unlessAborted(accessTokens(), signal);
    } catch (error) {
      if (signal.aborted) throw timedOut(error);
      throw new SecretManagerError(
        "NO_CREDENTIALS",
        "There are no usable Google credentials to call Secret Manager with",
        { cause: error },
      );
    }
  }

  async function send(url: URL, request: FetchRequest): Promise<FetchResponse> {
    try {
      return await fetch(url, request);
    } catch (error) {
      const again = request.method === "GET" && BROKEN_CONNECTION.has(connectionCode(error));
      if (!again || request.signal?.aborted) throw unanswered(error, request.signal);
    }
    try {
      return await fetch(url, request);
    } catch (error) {
      throw unanswered(error, request.signal);
    }
  }

  function unanswered(error: unknown, signal: AbortSignal | null | undefined): SecretManagerError {
    if (signal?.aborted) return timedOut(error);
    const code = connectionCode(error);
    const detail = code === "" ? "" : ` (${code})`;
    return new SecretManagerError(
      "UNREACHABLE",
      `Secret Manager at ${endpoint} can't be reached${detail}`,
      { cause: error },
    );
  }

  function timedOut(error: unknown): SecretManagerError {
    return new SecretManagerError("TIMEOUT", `Secret Manager did not answer within ${timeout} s`, {
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
      throw new SecretManagerError("INVALID_ANSWER", "Secret Manager's answer is far too long");
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  return {
    get(path, query = {}) {
      const url = new URL(`/v1/${path}`, endpoint);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return read(url);
    },
    post: (path, body) => call("POST", new URL(`/v1/${path}`, endpoint), body),
  };
}

/** The error that an answer other than 2xx stands for. */
function refusal(status: number, body: JsonObject | undefined): SecretManagerError {
  const error = asObject(body?.error);
  const said =
    typeof error?.message === "string"
      ? `: ${printable(error.message, 300).replace(/\.$/, "")}`
      : "";
  const cause = `Secret Manager answered ${status}${said}`;
  const known = typeof error?.status === "string" ? STATUSES[error.status] : undefined;
  // Only Google's own 404 says that something is absent: a proxy's says nothing.
  const failure =
    (status < 500 ? known : undefined) ?? FAILURES[status] ?? failureOf(status, error);
  return new SecretManagerError(failure, cause);
}

function failureOf(status: number, error: JsonObject | undefined): SecretManagerFailure {
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
