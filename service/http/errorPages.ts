import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import type { Logger } from "pino";
import { OperatorError } from "../contract/errors.ts";
import { isApi } from "../login/requireSignIn.ts";
import {
  InsecureTransportError,
  SessionNotKeptError,
  SessionUnavailableError,
} from "../session/errors.ts";
import { messagePage } from "./html.ts";
import { sendProblem } from "./problem.ts";
import type { ProblemDetails } from "./problemDetails.ts";

/** The error as the client sees it. */
type Answer = ProblemDetails & { readonly detail: string };

const UNEXPECTED: Answer = {
  status: 500,
  code: "internal_error",
  title: "Something went wrong",
  detail: "The request could not be completed because of a fault on our side. It has been logged.",
};

/** Answers 404 if no route matched. */
export function notFound(): RequestHandler {
  return (req, res) => {
    send(req, res, {
      status: 404,
      code: "not_found",
      title: "Not found",
      detail: "There is nothing at this address.",
    });
  };
}

/**
 * Answers an error with a page, or with a problem document for API requests. Logs it unless the
 * client caused it.
 */
export function errorHandler({ log }: { readonly log: Logger }): ErrorRequestHandler {
  return (error, req, res, _next) => {
    // A stream into a response that the client, or the error page of its session, has ended.
    if (res.closed && error?.code === "ERR_STREAM_PREMATURE_CLOSE") return;
    const answer = answerTo(error);
    const line = { ...describeForLog(error), ...res.locals.trace };
    const request = `${req.method} ${req.path.slice(0, 100)}`;
    if (answer.status >= 500) log.error({ event: "request_failed", ...line }, `${request} failed`);
    else if (error instanceof OperatorError) {
      log.warn({ event: "request_refused", ...line }, `${request} refused`);
    }
    if (res.headersSent) {
      // Closing the connection tells the client that the response is incomplete.
      if (!res.writableEnded) res.destroy();
      return;
    }
    for (const name of REPRESENTATION_HEADERS) res.removeHeader(name);
    if (error instanceof SessionUnavailableError) res.set("Retry-After", String(error.retryAfter));
    send(req, res, answer);
  };
}

/** Headers that describe the body that the error page replaces. */
const REPRESENTATION_HEADERS = [
  "Accept-Ranges",
  "Content-Disposition",
  "Content-Encoding",
  "Content-Language",
  "Content-Length",
  "Content-Range",
  "Content-Type",
  "ETag",
  "Last-Modified",
  "Location",
  "Trailer",
  "Transfer-Encoding",
];

function answerTo(error: unknown): Answer {
  if (error instanceof SessionUnavailableError) {
    const { code, message: detail } = error;
    return { status: 503, code: code.toLowerCase(), title: "One moment, please", detail };
  }
  if (error instanceof InsecureTransportError) {
    const { message } = error;
    return { status: 400, code: "https_required", title: "This site needs https", detail: message };
  }
  if (error instanceof SessionNotKeptError) {
    const { code, message } = error;
    const title = "The session can't be kept";
    return { status: 500, code: code.toLowerCase(), title, detail: message };
  }
  return isClientError(error)
    ? {
        status: error.status,
        code: typeof error.code === "string" ? error.code.toLowerCase() : "bad_request",
        title: "The request can't be answered",
        detail: error.message,
      }
    : UNEXPECTED;
}

/**
 * Whether the client caused the error: those of the body parsers and the CSRF check have a status.
 */
function isClientError(
  error: unknown,
): error is Error & { readonly status: number; readonly code?: unknown } {
  return (
    error instanceof Error &&
    "status" in error &&
    typeof error.status === "number" &&
    error.status >= 400 &&
    error.status < 500
  );
}

/** Log fields: a message for an operator error, a stack for a bug. */
function describeForLog(error: unknown): object {
  if (error instanceof OperatorError) return { code: error.code, cause: error.message };
  return { err: error };
}

/** An empty href is the URL of the current page. */
const AGAIN = { href: "", label: "Try again" };
const HOME = { href: "/", label: "Go to the start page" };

function send(req: Request, res: Response, answer: Answer): void {
  if (isApi(req) || req.accepts(["html", "json"]) === "json") {
    sendProblem(res, answer);
    return;
  }
  res
    .status(answer.status)
    .set("Cache-Control", "no-store")
    .type("html")
    .send(
      messagePage({
        title: answer.title,
        text: [answer.detail],
        link: answer.status === 503 && req.method === "GET" ? AGAIN : HOME,
      }),
    );
}
