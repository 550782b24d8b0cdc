import { stripVTControlCharacters, styleText } from "node:util";

/** Cloud Logging's severities of errors. */
const SERIOUS = new Set(["ERROR", "CRITICAL", "ALERT", "EMERGENCY"]);

/** Events that are left out, because the fleet reports them too. */
const FLEET_EVENTS = new Set(["listening", "draining"]);

/** Columns: the longest session outcome is `key_unavailable`. */
const OUTCOME_WIDTH = 15;
const INSTANCE_WIDTH = 6;

type Style = Parameters<typeof styleText>[0];

/** The fields of the service's log lines that are used here. */
interface LogLine {
  readonly severity?: string;
  readonly message?: string;
  readonly time?: string;
  readonly event?: string;
  readonly session?: string;
  readonly kid?: string;
  readonly aborted?: boolean;
  readonly httpRequest?: {
    readonly requestMethod?: string;
    readonly requestUrl?: string;
    readonly status?: number;
    readonly latency?: string;
    readonly userAgent?: string;
  };
  readonly err?: { readonly message?: string; readonly stack?: string; readonly code?: string };
}

/**
 * Renders a line of an instance's output for people: one line for a request, the cause of an error.
 *
 * @param line - JSON or not
 * @param instance - name of the instance
 * @returns undefined for probes, and for events that the fleet reports itself
 */
export function renderLine(line: string, instance: string): string | undefined {
  const entry = parse(line);
  if (entry === undefined) {
    const text = stripVTControlCharacters(line);
    return text.trim() === "" ? undefined : prefix(new Date(), instance) + text;
  }
  if (entry.httpRequest !== undefined) return renderRequest(entry, instance);
  if (entry.event !== undefined && FLEET_EVENTS.has(entry.event)) return undefined;
  const style = styleOf(entry.severity);
  return prefix(timeOf(entry), instance) + paint(style, clean(entry.message)) + errorOf(entry);
}

function renderRequest(entry: LogLine, instance: string): string | undefined {
  const { requestMethod, requestUrl, status = 0, latency, userAgent } = entry.httpRequest ?? {};
  if (userAgent?.startsWith("GoogleHC/")) return undefined;
  const milliseconds = Math.round(Number.parseFloat(latency ?? "") * 1000);
  const outcome = entry.session ?? "";
  return (
    [
      prefix(timeOf(entry), instance).trimEnd(),
      paint(statusStyle(status), String(status)),
      `${Number.isNaN(milliseconds) ? "?" : milliseconds} ms`.padStart(8),
      paint(outcomeStyle(outcome), outcome.padEnd(OUTCOME_WIDTH)),
      `${clean(requestMethod)} ${clean(requestUrl)}${entry.aborted ? " (client left)" : ""}`,
    ].join("  ") + errorOf(entry)
  );
}

/** Start of every line: time of day and instance. */
export function prefix(time: Date, instance: string): string {
  return `${paint("dim", time.toTimeString().slice(0, 8))}  ${instance.padEnd(INSTANCE_WIDTH)}  `;
}

function errorOf({ err, message }: LogLine): string {
  if (err === undefined) return "";
  const text = err.stack ?? err.message ?? "";
  if (text === "" || text === message) return "";
  return `\n${clean(text).replace(/^/gm, "    ")}`;
}

function parse(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

function timeOf({ time }: LogLine): Date {
  const date = new Date(time ?? "");
  return Number.isNaN(date.getTime()) ? new Date() : date;
}

/** Removes escape sequences, because visitors must not control the terminal. */
function clean(text: string | undefined): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return stripVTControlCharacters(text ?? "").replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, "");
}

function styleOf(severity: string | undefined): Style {
  if (severity !== undefined && SERIOUS.has(severity)) return "red";
  return severity === "WARNING" ? "yellow" : "reset";
}

function statusStyle(status: number): Style {
  if (status >= 500) return "red";
  if (status >= 400) return "yellow";
  return status >= 300 ? "cyan" : "green";
}

function outcomeStyle(outcome: string): Style {
  if (outcome === "ok") return "green";
  return outcome === "none" || outcome === "" ? "dim" : "yellow";
}

/** Colors text if standard output is a terminal and NO_COLOR is unset. */
function paint(style: Style, text: string): string {
  return style === "reset" ? text : styleText(style, text, { stream: process.stdout });
}
