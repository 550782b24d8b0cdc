import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createRestClient } from "../keys/restClient.ts";
import { createLog } from "../log.ts";
import { drainOnSigterm } from "../shutdown.ts";
import { listen, start } from "../start.ts";
import { parseRotatorConfig } from "./config.ts";
import { createRequestHandler } from "./requestHandler.ts";
import { CALL_TIMEOUT } from "./timeout.ts";
import { createVersionStore } from "./versionStore.ts";

/** Unix time in seconds. */
const clock = () => Date.now() / 1000;

start(() => {
  const { logLevel, port, secret, endpoint, policy } = parseRotatorConfig(process.env);
  const log = createLog({ level: logLevel });
  const client = createRestClient({ endpoint, timeout: CALL_TIMEOUT });
  const store = createVersionStore({ client, secret, clock });
  const server = createServer();
  const draining = drainOnSigterm(server, log);
  const handler = createRequestHandler({
    store,
    secret,
    policy,
    random: randomBytes,
    log,
    draining,
  });
  server.on("request", handler);
  listen(server, { port }, log);
});
