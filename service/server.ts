import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { Logger } from "pino";
import { createApp } from "./app.ts";
import { application } from "./application.ts";
import { parseWebConfig, type WebConfig } from "./config.ts";
import { createEndedSessions, type EndedSessions } from "./ended/endedSessions.ts";
import { openEndedBucket } from "./ended/openBucket.ts";
import { createSecretManagerKeys } from "./keys/secretManager.ts";
import type { SessionKeys } from "./keys/sessionKeys.ts";
import { createStaticKeys } from "./keys/static.ts";
import { createAdmission } from "./login/stillAdmitted.ts";
import { createLog } from "./process/log.ts";
import { drainOnSigterm } from "./process/shutdown.ts";
import { listen, start } from "./process/start.ts";
import type { SessionCheck } from "./session/sealed.ts";
import { createSealer } from "./session/sealer.ts";
import { createSessions } from "./session/sessions.ts";

/**
 * Longer than load balancers keep idle connections, so that none is closed while a request arrives.
 */
const KEEP_ALIVE_MILLISECONDS = 620_000;

/** Time limit for receiving a request, whose body has at most 16 kB. Node's default is 300 s. */
const REQUEST_MILLISECONDS = 60_000;

/**
 * Limit for a request's headers; Node's default is half of it. Sign-in keeps a browser's cookies
 * below 12 kB, but each of many tabs that begin a sign-in at the same moment adds one of 250 bytes.
 */
const MAX_HEADER_BYTES = 32_768;

/** Unix time in seconds. */
const clock = () => Math.floor(Date.now() / 1000);

start(() => {
  const config = parseWebConfig(process.env);
  const log = createLog({ level: config.logLevel });
  const instance = randomBytes(3).toString("hex");
  const keys = createKeys(config, log);
  // Runs while the rest is set up; requests that need a key wait for it.
  void keys.refresh();
  const ended = createEnded(config, log);
  ended.start();
  const admitted = createAdmission(config.signIn);
  const check: SessionCheck["check"] = (credential) =>
    admitted(credential) ? ended.check(credential) : "ended";
  const sealer = createSealer({ keys, environment: config.environment, clock });
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
    requestTimeout: REQUEST_MILLISECONDS,
  });
  const app = createApp({
    ...config,
    log,
    instance,
    keys,
    sealer,
    ended,
    sessions: createSessions({ ...config, instance, keys, sealer, ended: { check }, clock, log }),
    clock,
    draining: drainOnSigterm(server, log),
    application,
    directory: import.meta.dirname,
  });
  server.on("request", app);
  listen(server, config, log.child({ instance }));
});

function createEnded(config: WebConfig, log: Logger): EndedSessions {
  const { endedBucket, endedOutage: onOutage, sessionLifetime: lifetime } = config;
  if (endedBucket === undefined) {
    log.warn(
      { event: "ended_sessions_apart" },
      "ENDED_SESSIONS is not set: a session that ends on one instance goes on at others",
    );
  }
  const bucket = endedBucket && openEndedBucket(endedBucket);
  return createEndedSessions({ bucket, onOutage, lifetime, log, clock });
}

function createKeys({ secretKey, keyLimits }: WebConfig, log: Logger): SessionKeys {
  if (secretKey.form === "static") return createStaticKeys(secretKey.secret, secretKey.fallbacks);
  const { secret, endpoint } = secretKey;
  return createSecretManagerKeys({ secret, endpoint, limits: keyLimits, clock, log });
}
