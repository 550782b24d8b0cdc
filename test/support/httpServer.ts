import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on a free port of this machine; `using` closes it. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
}

export async function serve(listener: RequestListener): Promise<RunningServer> {
  const server = createServer(listener);
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    server,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}

/** Listens on a port of 127.0.0.1, by default a free one, and returns it. Rejects if it is taken. */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", resolve);
  await promise;
  server.off("error", reject);
  return (server.address() as AddressInfo).port;
}

/** Stops listening, and closes all connections, also those with a request in flight. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
