import type { ErrorRequestHandler, Express, Request, Response } from "express";
import { type CurrentSession, currentSession, findSession } from "./currentSession.ts";

/** Sends the error response to a request whose session can't be stored, synchronously. */
export type OnSessionError = ErrorRequestHandler;

/**
 * Defines `req.session` on the prototype of an application's requests. An accessor on each request
 * would keep the request in memory until the next full garbage collection.
 */
export function defineSession(app: Express): void {
  Object.defineProperty(app.request, "session", {
    configurable: true,
    get(this: Request) {
      return currentSession(this).session;
    },
  });
}

/** The methods that can send a response's headers. */
export interface ResponseMethods {
  writeHead(status: number, reason?: unknown, headers?: unknown): Response;
  write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean;
  end(chunk?: unknown, encoding?: unknown, callback?: unknown): Response;
  flushHeaders(): void;
}

type Callback = () => void;

/** `write` and `end` take their callback at any of several positions. */
function callbackAmong(values: readonly unknown[]): Callback | undefined {
  return values.find((value): value is Callback => typeof value === "function");
}

/**
 * Stores the session before a response's first byte: every way to respond goes through one of these
 * four methods. If the session can't be stored, `onError` responds in the handler's place, and
 * later writes of the handler are discarded. Nothing is thrown, because the caller may be a
 * callback, where an exception would end the process.
 *
 * @param target the prototype of an application's responses, or one response.
 * @param methods the original methods.
 */
export function keepBeforeHeaders(
  target: Response,
  methods: ResponseMethods,
  onError: OnSessionError,
): void {
  /** Whether the caller may write its response. */
  function keep(res: Response): boolean {
    const { req } = res;
    const current = findSession(req);
    if (current === undefined || current.phase === "kept") return true;
    if (current.phase === "refused") return answering.has(res);
    // Headers that were sent without these methods leave no way to store the session.
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

/** Sets headers as `writeHead` does, except that Set-Cookie is appended to the session's. */
function addHeaders(res: Response, given: object): void {
  const pairs = Array.isArray(given)
    ? given.flatMap((name, index) => (index % 2 === 0 ? [[String(name), given[index + 1]]] : []))
    : Object.entries(given);
  for (const [name, value] of pairs) {
    if (/^set-cookie$/i.test(name)) res.appendHeader(name, value);
    // A response that sets the session's cookie stays `no-store`.
    else if (!/^cache-control$/i.test(name)) res.setHeader(name, value);
  }
}
