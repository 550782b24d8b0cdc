import type { IncomingMessage } from "node:http";
import type { RequestHandler } from "express";
import { type DestinationStream, type Logger, pino } from "pino";
import { LOG_EVENTS } from "../contract/logEvents.ts";
import type { LOG_LEVELS } from "../contract/serviceSettings.ts";
import type { SessionReport } from "../session/session.ts";

/**
 * Severities as Cloud Logging names them:
 * https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity
 */
const SEVERITIES: Record<(typeof LOG_LEVELS)[number], string> = {
  trace: "DEBUG",
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
  fatal: "CRITICAL",
};

interface LogDeps {
  readonly level: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/**
 * Synchronous, because Cloud Run throttles the CPU after the last response, and because pino would
 * write a fatal line before lines that are still buffered.
 */
const standardOutput = () => pino.destination({ fd: 1, sync: true });

/** A logger that writes JSON lines with the fields that Cloud Logging parses. */
export function createLog({ level, destination = standardOutput() }: LogDeps): Logger {
  return pino(
    {
      level,
      messageKey: "message",
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ severity: SEVERITIES[label as keyof typeof SEVERITIES] }),
      },
    },
    destination,
  );
}

/**
 * Limits, in characters, for what clients send, so that the lines of one request stay below 2 kB.
 */
const MAX_PATH_LENGTH = 400;
const MAX_MESSAGE_PATH_LENGTH = 100;
const MAX_AGENT_LENGTH = 200;
const MAX_IP_LENGTH = 64;

interface RequestLogDeps {
  readonly log: Logger;
  readonly instance: string;
  /** Google Cloud project of the traces; undefined outside Google Cloud. */
  readonly project: string | undefined;
}

/**
 * Logs one line for each response: request, status, latency, instance, and the session's outcome.
 * Query strings are omitted, because they hold sign-in codes and tokens of signed URLs. Sets
 * `res.locals.trace` to the fields that link other log lines of the request to its trace.
 */
export function requestLog({ log, instance, project }: RequestLogDeps): RequestHandler {
  return function logRequest(req, res, next) {
    const start = process.hrtime.bigint();
    const path = req.path.slice(0, MAX_PATH_LENGTH);
    const trace = traceOf(req, project);
    res.locals.trace = trace;
    res.once("close", () => {
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      const { statusCode } = res;
      const aborted = !res.writableFinished;
      const session: SessionReport | undefined = res.locals.session;
      const line = {
        httpRequest: {
          requestMethod: req.method,
          requestUrl: path,
          status: statusCode,
          latency: `${seconds.toFixed(6)}s`,
          remoteIp: req.ip?.slice(0, MAX_IP_LENGTH),
          userAgent: req.headers["user-agent"]?.slice(0, MAX_AGENT_LENGTH),
        },
        instance,
        ...session,
        ...(res.locals.prefetchRefused === true && { event: LOG_EVENTS.prefetchRefused }),
        ...(aborted && { aborted }),
        ...trace,
      };
      const message = `${req.method} ${path.slice(0, MAX_MESSAGE_PATH_LENGTH)} ${statusCode}${aborted ? " (client left)" : ""}`;
      if (statusCode >= 500) log.error(line, message);
      else if (path.startsWith("/health/")) log.debug(line, message);
      else log.info(line, message);
    });
    next();
  };
}

/**
 * Fields that link a log line to its request's trace:
 * https://cloud.google.com/trace/docs/trace-log-integration
 */
function traceOf(req: IncomingMessage, project: string | undefined): object {
  const { traceparent } = req.headers;
  if (project === undefined || typeof traceparent !== "string") return {};
  const [, trace, span] =
    /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}/.exec(traceparent) ?? [];
  if (trace === undefined || span === undefined) return {};
  return {
    "logging.googleapis.com/trace": `projects/${project}/traces/${trace}`,
    "logging.googleapis.com/spanId": span,
  };
}
