import * as http from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** A request. */
export interface Asked {
  readonly method?: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds between two chunks, of the body as it is sent and the response as it is read. */
  readonly pace?: number;
  /** Milliseconds after which the client disconnects without waiting for the response. */
  readonly leaveAfter?: number;
  /** Called when the server has read the headers and asks for the body, which it gets in any case. */
  readonly onContinue?: () => void;
}

export type Outcome =
  /** A complete response. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers: http.IncomingHttpHeaders;
      readonly body: Buffer;
    }
  /** The connection ended before the answer did. */
  | { readonly kind: "cut"; readonly error: string }
  /** The visitor left, as was wished. */
  | { readonly kind: "left" };

const PIECES = 12;

/** Sends a request and reads its response to the end. Never rejects. */
export function ask(port: number, agent: http.Agent, asked: Asked): Promise<Outcome> {
  const { method = "GET", path, headers = {}, body, pace, leaveAfter, onContinue } = asked;
  return new Promise((resolve) => {
    let left = false;
    const request = http.request({
      host: "127.0.0.1",
      port,
      agent,
      method,
      path,
      headers: {
        ...headers,
        ...(body !== undefined && { "content-length": Buffer.byteLength(body) }),
        ...(onContinue && { expect: "100-continue" }),
      },
    });
    const timer =
      leaveAfter === undefined
        ? undefined
        : setTimeout(() => {
            left = true;
            request.destroy();
          }, leaveAfter);
    const end = (outcome: Outcome) => {
      clearTimeout(timer);
      resolve(left ? { kind: "left" } : outcome);
    };
    const cut = (error: Error) => end({ kind: "cut", error: error.message });
    request.on("error", cut);
    if (onContinue !== undefined) request.once("continue", onContinue);
    request.once("response", (response) => {
      response.on("error", cut);
      read(response, pace).then(
        (content) =>
          response.complete
            ? end({
                kind: "answer",
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: content,
              })
            : cut(new Error("half an answer")),
        cut,
      );
    });
    void write(request, body, pace);
  });
}

async function write(
  request: http.ClientRequest,
  body: string | undefined,
  pace: number | undefined,
): Promise<void> {
  if (body !== undefined && pace !== undefined) {
    const size = Math.ceil(body.length / PIECES);
    for (let index = 0; index < body.length && !request.destroyed; index += size) {
      request.write(body.slice(index, index + size));
      await delay(pace);
    }
    request.end();
  } else {
    request.end(body);
  }
}

async function read(response: http.IncomingMessage, pace: number | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk);
    if (pace !== undefined) await delay(pace);
  }
  return Buffer.concat(chunks);
}
