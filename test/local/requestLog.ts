import { stripVTControlCharacters, styleText } from "node:util";

/** Cloud Logging's severities that mean that something is wrong. */
const SERIOUS = new Set(["ERROR", "CRITICAL", "ALERT", "EMERGENCY"]);

/** What a start or an end of an instance says; the fleet says it, too, and in fewer words. */
const FLEET_EVENTS = new Set(["listening", "draining"]);

/** Columns: the longest session outcome is `key_unavailable`. */
const OUTCOME_WIDTH = 15;
const INSTANCE_WIDTH = 6;

type Style = Parameters<typeof styleText>[0];

/** What is of use here of a line that the service logs. */
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
 * A line that an instance wrote, for people: one line for a request, the cause for an error.
 *
 * @param line - a line of the service's output, JSON or not
 * @param instance - who wrote it
 * @returns undefined for what nobody wants to see: probes, and what the fleet says itself
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

/** Time of day and instance: how every line begins. */
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

/** What a visitor sent must not steer the terminal. */
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

/** Colours only where the output shows them, and never against NO_COLOR. */
function paint(style: Style, text: string): string {
  return style === "reset" ? text : styleText(style, text, { stream: process.stdout });
}
