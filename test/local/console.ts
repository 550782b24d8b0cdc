import { styleText } from "node:util";
import type { FleetEvents } from "./fleet.ts";
import { prefix, renderLine } from "./requestLog.ts";

/** Writes a line about the run itself. */
export function say(message: string): void {
  process.stdout.write(`${prefix(new Date(), "")}${message}\n`);
}

/** Writes a line about something that is wrong and goes on by itself. */
export function warn(message: string): void {
  say(styleText("yellow", message, { stream: process.stdout }));
}

/** Shows what happens in a fleet, a line for each request and event. */
export const shownEvents: FleetEvents = {
  onLine({ id }, line) {
    const text = renderLine(line, id);
    if (text !== undefined) process.stdout.write(`${text}\n`);
  },
  onReady({ id }) {
    say(`instance ${id} is ready`);
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
