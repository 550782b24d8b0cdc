import type { IncomingMessage, RequestListener } from "node:http";
import { messageOf } from "../contract/errors.ts";
import type { SecretReference, VersionStore } from "../google/secretVersions.ts";
import type { EventLog } from "../process/eventLog.ts";
import { planRotation, type RotationPolicy } from "./plan.ts";
import { parsePushMessage } from "./pushMessage.ts";
import type { VerifyPush } from "./pushToken.ts";
import { rotate } from "./rotate.ts";

interface RequestHandlerDeps {
  readonly store: VersionStore;
  readonly secret: SecretReference;
  readonly policy: RotationPolicy;
  readonly verifyPush: VerifyPush;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: EventLog;
  /** Whether the process is draining after SIGTERM. */
  readonly draining: () => boolean;
}

/** Limit for a push's body in bytes. The description of a secret in it has about 2 kB. */
const MAX_BODY = 256 * 1024;

/** Pub/Sub redelivers a message unless the status is 2xx, and dead-letters it in the end. */
const ACKNOWLEDGED = 204;

/**
 * Handles Pub/Sub's pushes: `POST /` with SECRET_ROTATE for this secret rotates it. Other events
 * and other secrets are acknowledged and ignored. A redelivered message adds no further version.
 */
export function createRequestHandler(deps: RequestHandlerDeps): RequestListener {
  const { store, secret, policy, verifyPush, random, log, draining } = deps;
  /** Rotations run one at a time, so that a second message finds the first one's version. */
  let last: Promise<unknown> = Promise.resolve();

  async function receive(req: IncomingMessage): Promise<number> {
    const verdict = await verifyPush(req.headers.authorization);
    if (verdict.outcome !== "genuine") {
      const fields = { event: "push_refused", reason: verdict.reason };
      log.warn(fields, "Could not verify that Pub/Sub sent the push");
      return verdict.outcome === "refused" ? 401 : 503;
    }
    const body = await readBody(req);
    const message = body === undefined ? undefined : parsePushMessage(body);
    if (message === undefined) {
      log.warn({ event: "push_malformed" }, "The body is not a Pub/Sub message");
      return 400;
    }
    const { messageId, eventType, secret: named } = message;
    if (eventType !== "SECRET_ROTATE" || named?.name !== secret.name) {
      log.info({ event: "push_ignored", messageId, eventType }, "Not a rotation of this secret");
      return ACKNOWLEDGED;
    }
    const turn = last.then(() => rotateNow(named, messageId));
    last = turn.catch(() => undefined);
    return turn.catch((error: unknown) => {
      const fields = { event: "rotation_failed", messageId, cause: messageOf(error) };
      log.error(fields, "Pub/Sub will redeliver the message");
      return 500;
    });
  }

  async function rotateNow(named: SecretReference, messageId: string): Promise<number> {
    const { versions, now } = await store.read();
    // Secret Manager's events name the project by its number, and so do the names of versions.
    const projects = [secret.project, ...versions.map(({ project }) => project)];
    if (versions.length > 0 && !projects.includes(named.project)) {
      log.info({ event: "push_ignored", messageId }, "The secret is in another project");
      return ACKNOWLEDGED;
    }
    const plan = planRotation(versions, policy, now, "planned");
    const results = await rotate(plan, { store, random });
    const done = results.map(({ step, added }) => ({
      action: step.action,
      version: added?.version ?? (step.action === "add" ? undefined : step.version.version),
    }));
    const rotated = plan.alreadyAdded === undefined;
    log.info(
      { event: rotated ? "rotation_done" : "rotation_repeated", messageId, steps: done },
      rotated
        ? "Rotated SECRET_KEY"
        : `SECRET_KEY was rotated already: version ${plan.alreadyAdded.version}`,
    );
    return ACKNOWLEDGED;
  }

  return function handle(req, res) {
    const route = `${req.method} ${req.url?.split("?")[0]}`;
    if (route === "GET /health/live") res.writeHead(200).end();
    else if (route === "GET /health/ready") res.writeHead(draining() ? 503 : 200).end();
    else if (route === "POST /") {
      receive(req).then(
        (status) => res.writeHead(status).end(),
        () => res.destroy(), // the connection closed before the body was complete
      );
    } else res.writeHead(404).end();
  };
}

/** The body as text; undefined if it is too long. */
async function readBody(req: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  return size > MAX_BODY ? undefined : Buffer.concat(chunks).toString("utf8");
}
