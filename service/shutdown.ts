import type { Server } from "node:http";
import type { Logger } from "pino";

/** Cloud Run kills an instance 10 s after SIGTERM; a second is left for the log to be written. */
const DRAIN_MILLISECONDS = 9_000;

/**
 * On SIGTERM the server takes no new connection, answers the requests that it has, and ends.
 * @returns whether that has begun.
 */
export function drainOnSigterm(server: Server, log: Logger): () => boolean {
  let draining = false;
  process.once("SIGTERM", () => {
    draining = true;
    log.info({ event: "draining" }, "SIGTERM: answering the requests under way, then ending");
    const deadline = setTimeout(() => {
      log.warn({ event: "drain_timeout" }, "Requests were still under way after 9 s; closing them");
      server.closeAllConnections();
    }, DRAIN_MILLISECONDS);
    server.close(() => {
      clearTimeout(deadline);
      process.exitCode = 0;
    });
  });
  return () => draining;
}
