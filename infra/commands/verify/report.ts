import { duration } from "../duration.ts";
import { type CheckContext, count, type Verdict } from "./check.ts";
import { tallies } from "./session.ts";

/** A check's verdict with its names. */
export interface Result extends Verdict {
  readonly id: string;
  readonly title: string;
}

/** Colours text for a terminal; elsewhere returns it unchanged. */
export type Paint = (style: "green" | "red" | "yellow" | "bold", text: string) => string;

/** Columns at which text is wrapped. */
const WIDTH = 96;

/**
 * The run as text: a table of the results, then causes and remedies. `seconds`: the run's duration.
 */
export function describeRun(
  context: CheckContext,
  results: readonly Result[],
  seconds: number,
  paint: Paint,
): string {
  const failures = results.filter(({ outcome }) => outcome === "failed");
  return [
    `${paint("bold", context.url.origin)}  ${describeSource(context)}`,
    "",
    table(results, paint),
    "",
    `${summary(results, paint)} ${effort(context, seconds)}`,
    ...failures.map((result) => `\n${describeFailure(result, paint)}`),
    "",
  ].join("\n");
}

function describeSource({ session }: CheckContext): string {
  if (session === undefined) return "without a session";
  return {
    made: "with a session made for this",
    pasted: "with the session that you gave",
    saved: "with the session from before",
  }[session.source];
}

const MARKS = {
  ok: ["green", "ok"],
  failed: ["red", "FAILED"],
  skipped: ["yellow", "skipped"],
} as const;

function table(results: readonly Result[], paint: Paint): string {
  const titles = Math.max(...results.map(({ title }) => title.length));
  const indent = titles + 2 + 2 + 9;
  return results
    .map(({ title, outcome, seen }) => {
      const [style, mark] = MARKS[outcome];
      const cell = paint(style, mark.padEnd(9));
      return `  ${title.padEnd(titles)}  ${cell}${wrap(seen, indent)}`;
    })
    .join("\n");
}

function summary(results: readonly Result[], paint: Paint): string {
  const number = (wanted: Result["outcome"]) =>
    results.filter(({ outcome }) => outcome === wanted).length;
  const failures = number("failed");
  const text = `${number("ok")} ok, ${failures} failed, ${number("skipped")} skipped.`;
  return paint(failures > 0 ? "red" : "green", text);
}

function effort({ client: { requests } }: CheckContext, seconds: number): string {
  const time = seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds);
  return `${count(requests, "request")} in ${time}.`;
}

function describeFailure({ title, findings }: Result, paint: Paint): string {
  const lines = findings.flatMap(({ cause, remedy }) => [
    `  Cause   ${wrap(cause, 10)}`,
    `  Remedy  ${wrap(remedy, 10)}`,
  ]);
  return [paint("bold", title), ...lines].join("\n");
}

/** Wraps text at spaces and indents all lines but the first. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || indent + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

/** The run as JSON. */
export function runToJson(context: CheckContext, results: readonly Result[]): object {
  const { url, session, client } = context;
  return {
    site: url.origin,
    ok: isPassed(results),
    session: session?.source ?? "none",
    requests: client.requests,
    instances: tallies(session?.uses ?? []),
    checks: results.map(({ id, outcome, seen, findings }) => ({ id, outcome, seen, findings })),
  };
}

/** Whether nothing failed. */
export function isPassed(results: readonly Result[]): boolean {
  return results.every(({ outcome }) => outcome !== "failed");
}
