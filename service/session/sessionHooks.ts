import type { ErrorRequestHandler, Express, Request, Response } from "express";
import { messageOf } from "../contract/errors.ts";
import { currentSession, findSession } from "./currentSession.ts";

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

export type ResponseMethods = Pick<Response, "writeHead" | "write" | "end" | "flushHeaders">;

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
      answerError(error, req, res);
      return false;
    }
  }

  const answering = new WeakSet<Response>();

  function answerError(error: unknown, req: Request, res: Response): void {
    answering.add(res);
    try {
      onError(error, req, res, () => {});
    } catch (fault) {
      res.destroy(new Error(`The error could not be answered: ${messageOf(fault)}`));
    }
    answering.delete(res);
  }

  Object.assign(target, {
    writeHead(this: Response, status: number, reason?: unknown, headers?: unknown) {
      if (!keep(this)) return this;
      const given = typeof reason === "string" ? headers : (reason ?? headers);
      if (typeof given !== "object" || given === null || !this.hasHeader("Set-Cookie")) {
        return Reflect.apply(methods.writeHead, this, [status, reason, headers]);
      }
      addHeaders(this, given);
      return Reflect.apply(
        methods.writeHead,
        this,
        typeof reason === "string" ? [status, reason] : [status],
      );
    },

    write(this: Response, chunk: unknown, encoding?: unknown, callback?: unknown) {
      if (keep(this)) return Reflect.apply(methods.write, this, [chunk, encoding, callback]);
      const done = callbackAmong([encoding, callback]);
      if (done !== undefined) process.nextTick(done);
      return true;
    },

    end(this: Response, chunk?: unknown, encoding?: unknown, callback?: unknown) {
      if (keep(this)) return Reflect.apply(methods.end, this, [chunk, encoding, callback]);
      const done = callbackAmong([chunk, encoding, callback]);
      if (done !== undefined) process.nextTick(done);
      return this;
    },

    flushHeaders(this: Response) {
      if (keep(this)) Reflect.apply(methods.flushHeaders, this, []);
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
    else res.setHeader(name, value);
  }
}
