import { randomUUID } from "node:crypto";
import * as http from "node:http";
import { closeServer, listenOnLoopback } from "../support/httpServer.ts";
import { forOwnHosts } from "./ownHosts.ts";

/** A server that requests can be sent to. */
export interface Backend {
  readonly port: number;
  readonly agent: http.Agent;
  /** Called before a request is sent. */
  begin?(): void;
  /** Called when the request has ended, in any way. */
  end?(): void;
}

export interface BalancerOptions {
  /**
   * Picks the backend for an attempt, except those that failed the request already; undefined: there
   * is none. May wait for one.
   */
  readonly pick: (
    failed: ReadonlySet<Backend>,
  ) => Backend | undefined | Promise<Backend | undefined>;
  /** Value of X-Forwarded-Proto; default: http. */
  readonly proto?: "http" | "https";
  /**
   * The default retry policy of Google's global load balancers: one retry, also where the answer is
   * 502, 503 or 504 and there is another backend. Requests with a body are not retried:
   * https://cloud.google.com/load-balancing/docs/https/request-distribution
   */
  readonly retriesOnce?: boolean;
  /** Called when a request got no answer from a backend. */
  readonly onFailure?: (backend: Backend, error: Error, request: http.IncomingMessage) => void;
}

/** Limit for the headers of a request or a response. */
const MAX_HEADER_BYTES = 64 * 1024;

/** Limit for the attempts of one request; then the client gets 502. */
const MAX_ATTEMPTS = 5;
const GATEWAY_ERRORS = new Set([502, 503, 504]);

/** Headers of one connection (RFC 9110, 7.6.1), and headers that only a front end may set. */
const NOT_FORWARDED = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
]);

/** Methods whose requests can be retried, unless they have a body, which can't be read twice. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * The front end: sends each request to a backend, with the headers that Google's front end sets. If
 * a backend fails before its response begins, the request is retried at another one where that is
 * safe; otherwise the client gets 502.
 */
export class Balancer {
  readonly #options: BalancerOptions;
  readonly #server: http.Server;

  constructor(options: BalancerOptions) {
    this.#options = options;
    this.#server = http.createServer(
      { maxHeaderSize: MAX_HEADER_BYTES },
      forOwnHosts((request, response) => void this.#serve(request, response)),
    );
    // The client closes idle connections. A short timer would race with the next request.
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Listens on a port of 127.0.0.1, and returns it. Rejects if it is taken. */
  listen(port: number): Promise<number> {
    return listenOnLoopback(this.#server, port);
  }

  /** Stops listening, and closes the connections of requests in flight. */
  close(): Promise<void> {
    return closeServer(this.#server);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const headers = this.#forwardedHeaders(request);
    const hasBody = isBodyAnnounced(request);
    const repeatable = REPEATABLE.has(request.method ?? "") && !hasBody;
    const failed = new Set<Backend>();
    const { retriesOnce = false } = this.#options;
    const most = retriesOnce ? 2 : MAX_ATTEMPTS;
    let attempts = 0;
    while (attempts < most) {
      const picked = this.#options.pick(failed);
      const backend = picked instanceof Promise ? await picked : picked;
      if (response.destroyed) return;
      if (backend === undefined) break;
      attempts += 1;
      const mayRetry = retriesOnce && repeatable && attempts < most;
      const isRefused = (status: number) =>
        mayRetry && GATEWAY_ERRORS.has(status) && this.#hasOther(failed, backend);
      const failure = await forward({ backend, request, response, headers, hasBody, isRefused });
      if (failure === undefined) return;
      this.#options.onFailure?.(backend, failure.error, request);
      if (!failure.stale) failed.add(backend);
      if (!repeatable && failure.seen) break;
    }
    if (attempts > 0) refuse(response, 502, "The instance did not respond.");
    else refuse(response, 503, "No instance is ready.");
  }

  #hasOther(failed: ReadonlySet<Backend>, backend: Backend): boolean {
    return this.#options.pick(new Set([...failed, backend])) !== undefined;
  }

  /** Like Google's front end, appends the client's address to whatever the client claims. */
  #forwardedHeaders(request: http.IncomingMessage): string[] {
    const headers: string[] = [];
    const { rawHeaders } = request;
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] as string;
      if (!NOT_FORWARDED.has(name.toLowerCase())) headers.push(name, rawHeaders[i + 1] as string);
    }
    const proto = this.#options.proto ?? "http";
    const address = request.socket.remoteAddress ?? "";
    const claimed = request.headers["x-forwarded-for"];
    const chain = claimed === undefined ? address : `${claimed}, ${address}`;
    headers.push("X-Forwarded-For", chain, "X-Forwarded-Proto", proto);
    headers.push("Forwarded", `for="${address}";proto=${proto}`);
    if (request.headers.traceparent === undefined) headers.push("traceparent", newTrace());
    if (request.headers["transfer-encoding"] !== undefined) {
      headers.push("Transfer-Encoding", "chunked");
    }
    return headers;
  }
}

/** Why a backend did not respond. */
interface Failure {
  readonly error: Error;
  /** Whether the backend may have seen the request. */
  readonly seen: boolean;
  /** The connection was reused, and may have been closed while it was idle: no fault. */
  readonly stale: boolean;
}

interface Exchange {
  readonly backend: Backend;
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly headers: string[];
  readonly hasBody: boolean;
  /** Whether a response with this status is retried instead of being passed on. */
  readonly isRefused: (status: number) => boolean;
}

/** Resolves at the end of the exchange: undefined if the client got the response, or has left. */
function forward(exchange: Exchange): Promise<Failure | undefined> {
  const { backend, request, response, headers, hasBody, isRefused } = exchange;
  backend.begin?.();
  return new Promise<Failure | undefined>((resolve) => {
    let seen = false;
    let answer: http.IncomingMessage | undefined;
    let refused = false;
    const upstream = http.request({
      host: "127.0.0.1",
      port: backend.port,
      agent: backend.agent,
      method: request.method,
      path: request.url,
      headers,
      setHost: false,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    const onClose = () => {
      if (answer?.complete !== true || !upstream.writableFinished) upstream.destroy();
      resolve(undefined);
    };
    response.once("close", onClose);
    upstream.on("error", (error) => {
      if (refused) return;
      if (response.headersSent) {
        response.destroy();
        return;
      }
      response.off("close", onClose);
      request.unpipe(upstream);
      resolve({ error, seen, stale: upstream.reusedSocket });
    });
    upstream.once("response", (incoming) => {
      const { statusCode = 502 } = incoming;
      if (isRefused(statusCode)) {
        refused = true;
        response.off("close", onClose);
        incoming.on("error", () => {}).resume();
        const error = new Error(`it answered ${statusCode}`);
        resolve({ error, seen: true, stale: false });
        return;
      }
      answer = incoming;
      response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, endToEnd(incoming));
      incoming.once("close", () => {
        // An incomplete response must not look complete.
        if (!incoming.complete) response.destroy();
      });
      incoming.on("error", () => response.destroy());
      incoming.pipe(response);
    });
    const send = () => {
      seen = true;
      if (hasBody) request.pipe(upstream);
      else upstream.end();
    };
    upstream.once("socket", (socket) => {
      if (socket.connecting) socket.once("connect", send);
      else send();
    });
  }).finally(() => backend.end?.());
}

/** W3C Trace Context, 3.2.2: version, trace, span, flags. */
function newTrace(): string {
  const trace = randomUUID().replaceAll("-", "");
  return `00-${trace}-${trace.slice(16)}-00`;
}

function endToEnd(answer: http.IncomingMessage): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < answer.rawHeaders.length; i += 2) {
    const name = answer.rawHeaders[i] as string;
    const lower = name.toLowerCase();
    if (lower === "connection" || lower === "keep-alive" || lower === "transfer-encoding") continue;
    headers.push(name, answer.rawHeaders[i + 1] as string);
  }
  return headers;
}

function isBodyAnnounced({ headers }: http.IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function refuse(response: http.ServerResponse, status: number, message: string): void {
  if (response.destroyed) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
  response.end(`${message}\n`);
}
