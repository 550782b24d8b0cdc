import { styleText } from "node:util";
import type { FleetEvents, InstanceView } from "./fleet.ts";
import type { Revision } from "./instance.ts";
import { prefix, renderLine } from "./requestLog.ts";

/** How long a start may take (milliseconds) before what it writes is shown under its process' name. */
const PATIENCE = 3_000;

/** Writes a line about the run itself. */
export function say(message: string): void {
  process.stdout.write(`${prefix(new Date(), "")}${message}\n`);
}

/** Writes a line about something that is wrong and goes on by itself. */
export function warn(message: string): void {
  say(styleText("yellow", message, { stream: process.stdout }));
}

/**
 * Shows what happens in a fleet, a line for each request and event. What an instance writes while
 * it starts is shown once it has its name; several that fail to start in the same way, once.
 */
export function showEvents(): FleetEvents {
  const starts = new Map<InstanceView, Start>();
  const failures = new WeakMap<Revision, Set<string>>();

  function show({ id }: InstanceView, line: string): void {
    const text = renderLine(line, id);
    if (text !== undefined) process.stdout.write(`${text}\n`);
  }

  /** Shows what was held back, and holds back nothing more. */
  function release(instance: InstanceView): void {
    const start = starts.get(instance);
    if (start === undefined) return;
    clearTimeout(start.timer);
    for (const line of start.lines.splice(0)) show(instance, line);
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
      say(`instance ${instance.id} is ready`);
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
    onCrash({ id }, how, delay) {
      warn(`instance ${id} ended (${how}); another one starts in ${delay / 1000} s`);
    },
    onUnhealthy({ id }) {
      warn(`instance ${id} no longer answers its liveness probe and is ended`);
    },
    onFailure({ id }, error, request) {
      // Never the query: sign-in codes and signed URLs are in it.
      const [path] = (request.url ?? "").split("?");
      warn(`${request.method} ${path} got no answer from instance ${id}: ${error.message}`);
    },
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

interface Start {
  readonly lines: string[];
  /** Whether it takes so long that nothing is held back any more. */
  late: boolean;
  readonly timer: NodeJS.Timeout;
}

function withoutTime(line: string): string {
  return line.replace(/"time":"[^"]*"/, "");
}
