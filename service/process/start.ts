import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { ConfigError, describeProblem, OperatorError } from "../contract/errors.ts";
import { createLog } from "./log.ts";

/**
 * Runs a program's entry point. An OperatorError ends the process with status 1 and a log line for
 * each problem. Any other error is a bug and is rethrown with its stack.
 */
export function start(main: () => void): void {
  try {
    main();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const log = createLog({ level: "info" });
    const lines =
      error instanceof ConfigError ? error.problems.map(describeProblem) : [error.message];
    for (const line of lines) log.fatal({ event: "start_refused", code: error.code }, line);
    process.exitCode = 1;
  }
}

/**
 * Where to listen. Without an address: on all interfaces, as Cloud Run's container contract
 * requires.
 */
interface ListenOptions {
  readonly port: number;
  /** An IP address. */
  readonly address?: string | undefined;
}

/** Starts listening and logs the port. If it can't listen, it logs why and exits with status 1. */
export function listen(server: Server, { port, address }: ListenOptions, log: Logger): void {
  server.once("error", (error: NodeJS.ErrnoException) => {
    log.fatal({ event: "listen_failed", code: error.code }, describeListenError(error, port));
    process.exitCode = 1;
  });
  server.listen({ port, host: address }, () => {
    const { port: actual } = server.address() as AddressInfo;
    log.info({ event: "listening", port: actual }, `Listening on port ${actual}`);
  });
}

function describeListenError({ code, message }: NodeJS.ErrnoException, port: number): string {
  if (code === "EADDRINUSE") return `Port ${port} is taken. Set PORT to another one.`;
  return `Can't listen on port ${port}: ${message}. Set PORT to another one.`;
}
