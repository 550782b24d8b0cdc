import { randomUUID } from "node:crypto";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { forOwnHosts } from "./ownHosts.ts";

/** Where a request can be sent to. */
export interface Backend {
  readonly port: number;
  readonly agent: http.Agent;
  /** Called before a request is sent to it... */
  begin?(): void;
  /** ...and when the request is over, however it went. */
  end?(): void;
}

export interface BalancerOptions {
  /**
   * The backend for the next request, other than those that already failed it; undefined if there
   * is none. May wait for one.
   */
  readonly pick: (
    failed: ReadonlySet<Backend>,
  ) => Backend | undefined | Promise<Backend | undefined>;
  /** What X-Forwarded-Proto says: the scheme that the visitor is supposed to use. */
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

/** Size that a request's or response's headers may have together. */
const MAX_HEADER_BYTES = 64 * 1024;

/** Attempts for one request; then its sender gets 502. */
const MAX_ATTEMPTS = 5;
const GATEWAY_ERRORS = new Set([502, 503, 504]);

/** What belongs to one connection (RFC 9110, 7.6.1), and what only a front end may say. */
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

/** Methods that can be repeated without harm. One with a body is not: it can't be read twice. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * The front end: sends each request to a backend, with the headers that Google's front end sets.
 * A request that a backend took and never began to answer goes to another one if it can be
 * repeated without harm; otherwise its sender gets 502.
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
    // The visitor decides when to close, not a timer that races the next request.
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Starts to listen on the loopback interface; returns the port. Rejects if it is taken. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening; requests under way are cut off. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
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
    if (attempts > 0) refuse(response, 502, "The instance ended before it answered.");
    else refuse(response, 503, "There is no instance that could answer.");
  }

  #hasOther(failed: ReadonlySet<Backend>, backend: Backend): boolean {
    return this.#options.pick(new Set([...failed, backend])) !== undefined;
  }

  /** As Google's front end does: the visitor's address is the last one, whatever they claim. */
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

/** Why a backend gave no answer. */
interface Failure {
  readonly error: Error;
  /** Whether the backend may have seen the request. */
  readonly seen: boolean;
  /** The connection had served before and may have been closed for idleness: no fault. */
  readonly stale: boolean;
}

interface Exchange {
  readonly backend: Backend;
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly headers: string[];
  readonly hasBody: boolean;
  /** Whether an answer of that status is not passed on. */
  readonly isRefused: (status: number) => boolean;
}

/** Resolves when the exchange is over: with undefined if the visitor has got what there was. */
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
        // Half an answer must not look like a whole one.
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
