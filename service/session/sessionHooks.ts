import type { Express, Request, Response } from "express";
import { type CurrentSession, currentSession, findSession } from "./currentSession.ts";

/**
 * Defines `req.session` on the prototype of requests. An accessor on each request would keep the
 * request in memory until the next full garbage collection. Express' own prototype, because a
 * router doesn't give an application that it calls the prototypes of the outer one.
 */
export function defineSession(app: Express): void {
  Object.defineProperty(Object.getPrototypeOf(app.request), "session", {
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
 * four methods. If the session can't be stored, its `onError` responds in the handler's place, and
 * later writes of the handler are discarded. Nothing is thrown, because the caller may be a
 * callback, where an exception would end the process.
 *
 * @param target the prototype of responses, or one response.
 * @param methods the original methods, asked for at each call: others may replace their prototype too
 */
export function keepBeforeHeaders(target: Response, methods: () => ResponseMethods): void {
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
    // Without the wrappers of other middleware: compression would go on with its own headers.
    Object.assign(res, hooks);
    try {
      current.onError(error, res.req, res, () => {});
    } catch (fault) {
      current.report("error_page_failed", fault);
      res.destroy();
    }
    answering.delete(res);
  }

  const hooks = {
    writeHead(this: Response, status: number, reason?: unknown, headers?: unknown) {
      if (!keep(this)) return this;
      const given = typeof reason === "string" ? headers : (reason ?? headers);
      if (typeof given !== "object" || given === null || !this.hasHeader("Set-Cookie")) {
        return methods().writeHead.call(this, status, reason, headers);
      }
      addHeaders(this, given);
      return methods().writeHead.call(
        this,
        status,
        typeof reason === "string" ? reason : undefined,
      );
    },

    write(this: Response, chunk: unknown, encoding?: unknown, callback?: unknown) {
      if (keep(this)) return methods().write.call(this, chunk, encoding, callback);
      const done = callbackAmong([encoding, callback]);
      if (done !== undefined) process.nextTick(done);
      return true;
    },

    end(this: Response, chunk?: unknown, encoding?: unknown, callback?: unknown) {
      if (keep(this)) return methods().end.call(this, chunk, encoding, callback);
      const done = callbackAmong([chunk, encoding, callback]);
      if (done !== undefined) process.nextTick(done);
      return this;
    },

    flushHeaders(this: Response) {
      if (keep(this)) methods().flushHeaders.call(this);
    },
  };
  Object.assign(target, hooks);
}

/** Sets headers as `writeHead` does, except that Set-Cookie is appended to the session's. */
function addHeaders(res: Response, given: object): void {
  const pairs: [name: string, value: string][] = Array.isArray(given)
    ? given.flatMap((name, index) => (index % 2 === 0 ? [[String(name), given[index + 1]]] : []))
    : Object.entries(given);
  // A response that sets the session's cookie stays `no-store`.
  const others = pairs.filter(([name]) => !/^cache-control$/i.test(name));
  for (const [name] of others) if (!/^set-cookie$/i.test(name)) res.removeHeader(name);
  for (const [name, value] of others) res.appendHeader(name, value);
}
