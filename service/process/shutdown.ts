import type { Server, ServerResponse } from "node:http";
import type { Logger } from "pino";

/** Cloud Run kills an instance 10 s after SIGTERM; a second is left for what is cut off to end. */
export const DRAIN_MILLISECONDS = 9_000;

/** How long the log of what was cut off may take (milliseconds). */
const FAREWELL_MILLISECONDS = 250;

/**
 * On SIGTERM the server takes no new connection, answers the requests that it has, and ends. To be
 * called before the server gets its handler.
 *
 * @param patience - milliseconds after which requests are cut off
 * @returns whether that has begun.
 */
export function drainOnSigterm(
  server: Server,
  log: Logger,
  patience = DRAIN_MILLISECONDS,
): () => boolean {
  let draining = false;
  const underWay = new Places<ServerResponse>();

  server.on("request", (_req, res) => {
    if (draining) res.setHeader("Connection", "close");
    const place = underWay.take(res);
    res.once("close", () => {
      underWay.leave(place);
      // One that is to be kept would be idle now, and the server waits for it.
      if (draining) server.closeIdleConnections();
    });
  });

  process.once("SIGTERM", () => {
    draining = true;
    log.info({ event: "draining" }, "SIGTERM: answering the requests under way, then ending");
    for (const res of underWay.taken()) if (!res.headersSent) res.setHeader("Connection", "close");
    server.close();
    setTimeout(() => {
      const left = underWay.taken().length;
      if (left > 0) {
        const text = `Requests were still under way after ${patience / 1000} s; closing them`;
        log.warn({ event: "drain_timeout", requests: left }, text);
      }
      server.closeAllConnections();
      // Calls to others, whose answers nobody waits for any more, would keep the process.
      setTimeout(() => process.exit(), FAREWELL_MILLISECONDS).unref();
    }, patience).unref();
  });

  return () => draining;
}

/**
 * Who is here now. Not a Set: each time that it is laid out anew, what was in the old one stays in
 * memory until the next full collection, which under load was nearly every request.
 */
class Places<Guest> {
  readonly #guests: (Guest | undefined)[] = [];
  readonly #free: number[] = [];

  take(guest: Guest): number {
    const place = this.#free.pop() ?? this.#guests.length;
    this.#guests[place] = guest;
    return place;
  }

  leave(place: number): void {
    this.#guests[place] = undefined;
    this.#free.push(place);
  }

  taken(): Guest[] {
    return this.#guests.filter((guest) => guest !== undefined);
  }
}
