import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { forOwnHosts } from "../ownHosts.ts";
import { httpDate, type StandIn } from "./reply.ts";

export interface RunningStandIn extends AsyncDisposable {
  /** Base URL, without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** The longest body that is read: a secret's payload of 64 KiB in base64, and its frame. */
const MAX_BODY = 128 * 1024;

/** Serves a stand-in on this machine, at that port or a free one. */
export async function startStandIn(standIn: StandIn, port = 0): Promise<RunningStandIn> {
  const server = createServer(
    forOwnHosts((req, res) => {
      serve(standIn, req, res).catch((error: unknown) => {
        console.error(error);
        res.destroy();
      });
    }),
  );
  // As Google does, which keeps idle connections for minutes: Node closes them after five seconds,
  // which on a busy machine races the next call.
  server.keepAliveTimeout = 240_000;
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(port, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${address.port}`, close, [Symbol.asyncDispose]: close };
}

async function serve(standIn: StandIn, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  const reply = await standIn.handle({
    method: req.method ?? "GET",
    url: new URL(req.url ?? "/", "http://127.0.0.1"),
    headers: { "content-type": req.headers["content-type"] },
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

/** What an earlier run kept in the file; undefined if there was none. */
export function load<Snapshot>(file: string): Snapshot | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** Written beside and moved into place, so that an end in the middle leaves the old file. */
export function save(file: string, snapshot: object): void {
  const beside = `${file}.new`;
  writeFileSync(beside, JSON.stringify(snapshot, null, 2), { mode: 0o600 });
  renameSync(beside, file);
}
