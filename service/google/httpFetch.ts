import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { once } from "../pure/once.ts";

/** The part of `fetch` that is used here. Node's own is compatible. */
export type Fetch = (url: URL, request: FetchRequest) => Promise<FetchResponse>;

export interface FetchRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  /** Redirects are not followed. */
  readonly redirect: "manual";
  readonly body?: string | null;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
}

/**
 * `fetch` by means of node:http and node:https, which a server has loaded anyway. The first use of
 * the platform's own takes about as long as Node's whole start, and an instance can't serve before
 * it has read its keys. Connections are kept.
 */
export function createHttpFetch(): Fetch {
  const overHttp = { request: httpRequest, agent: new HttpAgent({ keepAlive: true }) };
  const loadHttps = once(async (): Promise<typeof overHttp> => {
    const { Agent, request } = await import("node:https");
    return { request, agent: new Agent({ keepAlive: true }) };
  });

  return async function httpFetch(url, { method, headers, signal, body }) {
    const { request, agent } = url.protocol === "http:" ? overHttp : await loadHttps();
    const { promise, resolve, reject } = Promise.withResolvers<FetchResponse>();
    const call = request(url, { method, headers, agent });
    // The option `signal` does the same, and delays a start by half a millisecond.
    const abort = () => call.destroy(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    call.on("error", reject);
    call.once("response", (response) =>
      resolve({
        status: response.statusCode ?? 0,
        headers: { get: (name) => response.headers[name.toLowerCase()]?.toString() ?? null },
        body: response,
      }),
    );
    call.end(body ?? undefined);
    return promise;
  };
}
