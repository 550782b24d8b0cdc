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
  const underWay = new Set<ServerResponse>();

  server.on("request", (_req, res) => {
    if (draining) res.setHeader("Connection", "close");
    underWay.add(res);
    res.once("close", () => {
      underWay.delete(res);
      // One that is to be kept would be idle now, and the server waits for it.
      if (draining) server.closeIdleConnections();
    });
  });

  process.once("SIGTERM", () => {
    draining = true;
    log.info({ event: "draining" }, "SIGTERM: answering the requests under way, then ending");
    for (const res of underWay) if (!res.headersSent) res.setHeader("Connection", "close");
    server.close();
    setTimeout(() => {
      if (underWay.size > 0) {
        const text = `Requests were still under way after ${patience / 1000} s; closing them`;
        log.warn({ event: "drain_timeout", requests: underWay.size }, text);
      }
      server.closeAllConnections();
      // Calls to others, whose answers nobody waits for any more, would keep the process.
      setTimeout(() => process.exit(), FAREWELL_MILLISECONDS).unref();
    }, patience).unref();
  });

  return () => draining;
}
