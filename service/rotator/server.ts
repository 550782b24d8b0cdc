import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createRestClient } from "../google/restClient.ts";
import { createVersionStore, SECRET_MANAGER_API } from "../google/secretVersions.ts";
import { createLog } from "../process/log.ts";
import { drainOnSigterm } from "../process/shutdown.ts";
import { listen, start } from "../process/start.ts";
import { parseRotatorConfig } from "./config.ts";
import { createPushTokenVerifier } from "./pushToken.ts";
import { createRequestHandler } from "./requestHandler.ts";
import { CALL_TIMEOUT } from "./rotate.ts";

start(() => {
  const { logLevel, port, secret, endpoint, policy, push } = parseRotatorConfig(process.env);
  const log = createLog({ level: logLevel });
  const client = createRestClient({ api: SECRET_MANAGER_API, endpoint, timeout: CALL_TIMEOUT });
  const store = createVersionStore(client, secret);
  const server = createServer();
  const draining = drainOnSigterm(server, log);
  const handler = createRequestHandler({
    store,
    secret,
    policy,
    verifyPush: createPushTokenVerifier(push),
    random: randomBytes,
    log,
    draining,
  });
  server.on("request", handler);
  listen(server, { port }, log);
});
