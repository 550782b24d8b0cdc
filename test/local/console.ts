import type { IncomingMessage } from "node:http";
import { styleText } from "node:util";
import type { FleetEvents, InstanceView } from "./fleet.ts";
import type { Revision } from "./instance.ts";
import type { RegionsEvents } from "./regions.ts";
import { prefix, renderLine } from "./requestLog.ts";

/** Milliseconds after which the output of a starting instance is shown under its process ID. */
const PATIENCE = 3_000;

/** Column of the region: `europe-west1`. */
const REGION_WIDTH = 12;

/** Writes a line about the run itself. */
export function say(message: string): void {
  process.stdout.write(`${prefix(new Date(), "")}${message}\n`);
}

/** Writes a line about a fault that does not end the run. */
export function warn(message: string): void {
  say(styleText("yellow", message, { stream: process.stdout }));
}

/** Shows which region gets the requests. */
export function showRegions(): RegionsEvents {
  return {
    onServing(region) {
      if (region === undefined) warn("no region is healthy: requests get 503");
      else say(`requests go to ${region}`);
    },
    onFailure: (region, error, request) => warnUnanswered(request, region, error),
  };
}

/**
 * Shows what happens in a fleet, with a line for each request and event. An instance's output during
 * its start is held back until its name is known. If several fail to start in the same way, their
 * output is shown once.
 *
 * @param region Is part of each line; empty if there is only one.
 */
export function showEvents(region = ""): FleetEvents {
  const starts = new Map<InstanceView, Start>();
  const failures = new WeakMap<Revision, Set<string>>();

  const column = region === "" ? "" : `${region.padEnd(REGION_WIDTH)}  `;

  function show({ id }: InstanceView, line: string): void {
    const text = renderLine(line, column + id);
    if (text !== undefined) process.stdout.write(`${text}\n`);
  }

  /** Shows the output that was held back. */
  function release(instance: InstanceView): void {
    const start = starts.get(instance);
    if (start === undefined) return;
    clearTimeout(start.timer);
    for (const line of start.lines.splice(0)) show(instance, line);
  }

  function name({ id }: InstanceView): string {
    return `instance ${id}${region === "" ? "" : ` in ${region}`}`;
  }

  return {
    onLine(instance, line) {
      if (instance.state !== "starting" && !starts.has(instance)) return show(instance, line);
      const start = starts.get(instance) ?? begin(instance);
      if (start.late) show(instance, line);
      else start.lines.push(line);
    },
    onReady(instance) {
      release(instance);
      starts.delete(instance);
      say(`${name(instance)} is ready`);
    },
    onStartFailed(instance, revision) {
      const { lines = [] } = starts.get(instance) ?? {};
      const shown = failures.get(revision) ?? new Set();
      const failure = lines.map(withoutTime).join("\n");
      if (shown.has(failure)) lines.length = 0;
      failures.set(revision, shown.add(failure));
      release(instance);
      starts.delete(instance);
    },
    onCrash(instance, how, delay) {
      warn(`${name(instance)} ended (${how}); another one starts in ${delay / 1000} s`);
    },
    onUnhealthy(instance) {
      warn(`${name(instance)} no longer answers its liveness probe and is ended`);
    },
    onReadiness(instance) {
      if (instance.state === "ready") say(`${name(instance)} answers its readiness probe again`);
      else warn(`${name(instance)} fails its readiness probe and gets no requests`);
    },
    onFailure: (instance, error, request) => warnUnanswered(request, name(instance), error),
  };

  function begin(instance: InstanceView): Start {
    const late = () => {
      release(instance);
      start.late = true;
    };
    const start: Start = { lines: [], late: false, timer: setTimeout(late, PATIENCE).unref() };
    starts.set(instance, start);
    return start;
  }
}

function warnUnanswered({ method, url = "" }: IncomingMessage, by: string, error: Error): void {
  // Without the query, which has sign-in codes and signatures.
  const [path] = url.split("?");
  warn(`${method} ${path} got no answer from ${by}: ${error.message}`);
}

interface Start {
  readonly lines: string[];
  /** Whether the start takes so long that no output is held back any more. */
  late: boolean;
  readonly timer: NodeJS.Timeout;
}

function withoutTime(line: string): string {
  return line.replace(/"time":"[^"]*"/, "");
}
