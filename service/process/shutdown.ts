import type { Server, ServerResponse } from "node:http";
import type { Logger } from "pino";

/** Cloud Run kills an instance 10 s after SIGTERM; one second is left to close connections. */
export const DRAIN_MILLISECONDS = 9_000;

/** Milliseconds between aborting connections and exiting, so that their log lines are written. */
const EXIT_MILLISECONDS = 250;

/**
 * Drains the server on SIGTERM: it accepts no new connection, answers the requests in flight, and
 * closes. Call this before you add the server's request handler.
 *
 * @param timeout - milliseconds after which requests still in flight are aborted
 * @returns a function that tells whether the server is draining
 * @example
 * const server = createServer();
 * const draining = drainOnSigterm(server, log);
 * server.on("request", app);
 */
export function drainOnSigterm(
  server: Server,
  log: Logger,
  timeout = DRAIN_MILLISECONDS,
): () => boolean {
  let draining = false;
  const inFlight = new Slots<ServerResponse>();

  server.on("request", (_req, res) => {
    if (draining) res.setHeader("Connection", "close");
    const slot = inFlight.add(res);
    res.once("close", () => {
      inFlight.remove(slot);
      // The server waits for idle keep-alive connections as well.
      if (draining) server.closeIdleConnections();
    });
  });

  process.once("SIGTERM", () => {
    draining = true;
    log.info({ event: "draining" }, "SIGTERM: answering the requests in flight, then ending");
    for (const res of inFlight.values()) if (!res.headersSent) res.setHeader("Connection", "close");
    server.close();
    setTimeout(() => {
      const requests = inFlight.values().length;
      if (requests > 0) {
        const text = `Requests were still in flight after ${timeout / 1000} s; aborting them`;
        log.warn({ event: "drain_timeout", requests }, text);
      }
      server.closeAllConnections();
      // Outgoing calls of aborted requests would otherwise keep the process alive.
      setTimeout(() => process.exit(), EXIT_MILLISECONDS).unref();
    }, timeout).unref();
  });

  return () => draining;
}

/**
 * A set of values in reusable slots. A `Set` reallocates its table as it changes, and the old table
 * keeps responses alive until the next full garbage collection: nearly all of them under load.
 */
class Slots<Value> {
  readonly #slots: (Value | undefined)[] = [];
  readonly #free: number[] = [];

  add(value: Value): number {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = value;
    return slot;
  }

  remove(slot: number): void {
    this.#slots[slot] = undefined;
    this.#free.push(slot);
  }

  values(): Value[] {
    return this.#slots.filter((value) => value !== undefined);
  }
}
