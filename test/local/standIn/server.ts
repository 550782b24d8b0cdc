import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { closeServer, listenOnLoopback } from "../../support/httpServer.ts";
import { forOwnHosts } from "../ownHosts.ts";
import { httpDate, type StandIn } from "./reply.ts";

export interface RunningStandIn extends AsyncDisposable {
  /** Base URL, without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** Limit for bodies: a payload of 64 KiB in base64, and the JSON around it. */
const MAX_BODY = 128 * 1024;

/** Serves a stand-in on this machine, at the port or at a free one. */
export async function startStandIn(standIn: StandIn, port = 0): Promise<RunningStandIn> {
  const server = createServer(
    forOwnHosts((req, res) => {
      serve(standIn, req, res).catch((error: unknown) => {
        console.error(error);
        res.destroy();
      });
    }),
  );
  // Google keeps idle connections for minutes. Node closes them after five seconds, which on a busy
  // machine races with the next call.
  server.keepAliveTimeout = 240_000;
  const url = `http://127.0.0.1:${await listenOnLoopback(server, port)}`;
  const close = () => closeServer(server);
  return { url, close, [Symbol.asyncDispose]: close };
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

/** The snapshot that an earlier run saved; undefined if there is none. */
export function load<Snapshot>(file: string): Snapshot | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** Replaces the file atomically, so that a kill leaves the old one. */
export function save(file: string, snapshot: object): void {
  const beside = `${file}.new`;
  writeFileSync(beside, JSON.stringify(snapshot, null, 2), { mode: 0o600 });
  renameSync(beside, file);
}
