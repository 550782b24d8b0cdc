import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createSecretManagerStandIn,
  httpDate,
  type SecretManagerStandIn,
} from "./secretManager/standIn.ts";
import type { Snapshot } from "./secretManager/store.ts";

export interface SecretManagerOptions {
  /** A free one if left out. */
  readonly port?: number;
  /** Unix time in seconds; the machine's if left out. */
  readonly clock?: () => number;
  /** File that keeps the secrets from one run to the next. */
  readonly state?: string;
}

export interface RunningSecretManager {
  /** Base URL: what SECRET_MANAGER_ENDPOINT is set to. */
  readonly url: string;
  readonly standIn: SecretManagerStandIn;
  close(): Promise<void>;
}

/** The longest body that is read: a payload of 64 KiB in base64, and its frame. */
const MAX_BODY = 128 * 1024;

/**
 * Starts a stand-in for Secret Manager's v1 REST API on this machine. Other processes control its
 * faults, lag and clock by `POST /_control/{fail,heal,lag,advance}`.
 */
export async function startSecretManager({
  port = 0,
  clock,
  state,
}: SecretManagerOptions = {}): Promise<RunningSecretManager> {
  const standIn = createSecretManagerStandIn({
    ...(clock && { clock }),
    ...(state && { snapshot: load(state), onChange: (snapshot) => save(state, snapshot) }),
  });
  const server = createServer((req, res) => {
    serve(standIn, req, res).catch((error: unknown) => {
      console.error(error);
      res.destroy();
    });
  });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(port, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    standIn,
    close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      return closed.promise;
    },
  };
}

async function serve(
  standIn: SecretManagerStandIn,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  const reply = standIn.handle({
    method: req.method ?? "GET",
    url: new URL(req.url ?? "/", "http://127.0.0.1"),
    body: Buffer.concat(chunks).toString("utf8"),
  });
  if (reply.kind === "hang") return;
  if (reply.kind === "cut") {
    res.destroy();
    return;
  }
  const headers = { "Content-Type": reply.type, Date: httpDate(standIn.now()) };
  res.writeHead(reply.status, headers).end(reply.body);
}

function load(file: string): Snapshot | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** Written beside and moved into place, so that an end in the middle leaves the old file. */
function save(file: string, snapshot: Snapshot): void {
  const beside = `${file}.new`;
  writeFileSync(beside, JSON.stringify(snapshot, null, 2), { mode: 0o600 });
  renameSync(beside, file);
}
