import type { ErrorRequestHandler, Express, Request, Response } from "express";
import { type CurrentSession, currentSession, findSession } from "./currentSession.ts";

/** Answers a request whose session can't be kept. Never throws, and answers at once. */
export type OnSessionError = ErrorRequestHandler;

/**
 * Defines `req.session` for all requests of an application. An accessor that is defined on each
 * request would keep it in memory until the next full collection.
 */
export function defineSession(app: Express): void {
  Object.defineProperty(app.request, "session", {
    configurable: true,
    get(this: Request) {
      return currentSession(this).session;
    },
  });
}

/** The methods with which every answer begins. */
export interface ResponseMethods {
  writeHead(status: number, reason?: unknown, headers?: unknown): Response;
  write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean;
  end(chunk?: unknown, encoding?: unknown, callback?: unknown): Response;
  flushHeaders(): void;
}

type Callback = () => void;

/** Whoever ends or writes a response may pass a callback in each of these places. */
function callbackAmong(values: readonly unknown[]): Callback | undefined {
  return values.find((value): value is Callback => typeof value === "function");
}

/**
 * Keeps the session before a response's first byte, however the handler answers: all of them go
 * through one of these four methods. If it can't be kept, `onError` answers in the handler's place,
 * and what the handler writes afterwards goes nowhere; nothing is thrown, because the caller may be
 * a callback, where it would end the process.
 *
 * @param target the application's prototype of responses, or one response.
 * @param methods what sends the answer.
 */
export function keepBeforeHeaders(
  target: Response,
  methods: ResponseMethods,
  onError: OnSessionError,
): void {
  /** Whether the caller's answer goes on. */
  function keep(res: Response): boolean {
    const { req } = res;
    const current = findSession(req);
    if (current === undefined || current.phase === "kept") return true;
    if (current.phase === "refused") return answering.has(res);
    // With headers gone past these methods there is nothing to be done about the session any more.
    current.phase = "kept";
    if (res.headersSent) return true;
    try {
      current.keep(res);
      return true;
    } catch (error) {
      current.phase = "refused";
      answerError(current, error, res);
      return false;
    }
  }

  const answering = new WeakSet<Response>();

  function answerError(current: CurrentSession, error: unknown, res: Response): void {
    answering.add(res);
    try {
      onError(error, res.req, res, () => {});
    } catch (fault) {
      current.report("error_page_failed", fault);
      res.destroy();
    }
    answering.delete(res);
  }

  Object.assign(target, {
    writeHead(this: Response, status: number, reason?: unknown, headers?: unknown) {
      if (!keep(this)) return this;
      const given = typeof reason === "string" ? headers : (reason ?? headers);
      if (typeof given !== "object" || given === null || !this.hasHeader("Set-Cookie")) {
        return methods.writeHead.call(this, status, reason, headers);
      }
      addHeaders(this, given);
      return methods.writeHead.call(this, status, typeof reason === "string" ? reason : undefined);
    },

    write(this: Response, chunk: unknown, encoding?: unknown, callback?: unknown) {
      if (keep(this)) return methods.write.call(this, chunk, encoding, callback);
      const done = callbackAmong([encoding, callback]);
      if (done !== undefined) process.nextTick(done);
      return true;
    },

    end(this: Response, chunk?: unknown, encoding?: unknown, callback?: unknown) {
      if (keep(this)) return methods.end.call(this, chunk, encoding, callback);
      const done = callbackAmong([chunk, encoding, callback]);
      if (done !== undefined) process.nextTick(done);
      return this;
    },

    flushHeaders(this: Response) {
      if (keep(this)) methods.flushHeaders.call(this);
    },
  });
}

/** What `writeHead` does with headers that it is given, but that a Set-Cookie header adds to ours. */
function addHeaders(res: Response, given: object): void {
  const pairs = Array.isArray(given)
    ? given.flatMap((name, index) => (index % 2 === 0 ? [[String(name), given[index + 1]]] : []))
    : Object.entries(given);
  for (const [name, value] of pairs) {
    if (/^set-cookie$/i.test(name)) res.appendHeader(name, value);
    // With a cookie in it, no cache may have the answer.
    else if (!/^cache-control$/i.test(name)) res.setHeader(name, value);
  }
}
