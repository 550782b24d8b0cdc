import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { once } from "../pure/once.ts";

/** The part of `fetch` that is used here. Node's own is compatible. */
export type Fetch = (url: URL, request: FetchRequest) => Promise<FetchResponse>;

export interface FetchRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  /** Redirects are not followed. */
  readonly redirect: "manual";
  readonly body?: string;
}

export interface FetchResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
}

type Send = (url: URL, request: FetchRequest) => ReturnType<typeof httpRequest>;

/**
 * `fetch` by means of node:http and node:https, which a server has loaded anyway. The first use of
 * the platform's own takes about as long as Node's whole start, and an instance can't serve before
 * it has read its keys. Connections are kept.
 */
export function createHttpFetch(): Fetch {
  const agent = new HttpAgent({ keepAlive: true });
  const overHttp: Send = (url, { method, headers }) => httpRequest(url, { method, headers, agent });
  const loadHttps = once(async (): Promise<Send> => {
    const { Agent, request } = await import("node:https");
    const secure = new Agent({ keepAlive: true });
    return (url, { method, headers }) => request(url, { method, headers, agent: secure });
  });

  return async function httpFetch(url, request) {
    const send = url.protocol === "http:" ? overHttp : await loadHttps();
    return await answerTo(send(url, request), request);
  };
}

function answerTo(
  request: ReturnType<Send>,
  { signal, body }: Pick<FetchRequest, "signal" | "body">,
): Promise<FetchResponse> {
  return new Promise((resolve, reject) => {
    // The option `signal` does the same, and delays a start by half a millisecond.
    const abort = () => request.destroy(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    request.on("error", reject);
    request.once("response", (response) => resolve(toFetchResponse(response)));
    request.end(body);
  });
}

function toFetchResponse(response: IncomingMessage): FetchResponse {
  const { statusCode: status = 0 } = response;
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: { get: (name) => response.headers[name.toLowerCase()]?.toString() ?? null },
    body: response,
  };
}
