import { afterEach, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type InjectOptions, inject } from "light-my-request";
import { createRestClient } from "../../service/google/restClient.ts";
import { createVersionStore, SECRET_MANAGER_API } from "../../service/google/secretVersions.ts";
import { createRequestHandler } from "../../service/rotator/requestHandler.ts";
import { createSecretManagerStandIn } from "../local/secretManager/standIn.ts";
import { ENDPOINT, SECRET } from "../support/keyBench.ts";

const RESOURCE = `projects/${SECRET.project}/secrets/${SECRET.name}`;
const DAY = 86_400;

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => void unhandled.push(reason);
beforeEach(() => {
  process.on("unhandledRejection", onUnhandled);
});
afterEach(async () => {
  await new Promise(setImmediate);
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

/** A rotator of a secret whose only version is old enough for a rotation. */
function rotator() {
  const standIn = createSecretManagerStandIn();
  standIn.store.createSecret(SECRET.project, SECRET.name);
  standIn.store.createSecret(SECRET.project, "OTHER");
  standIn.store.add(SECRET.project, SECRET.name, { data: Buffer.alloc(48).toString("base64") });
  standIn.advance(DAY);
  const client = createRestClient({
    api: SECRET_MANAGER_API,
    endpoint: ENDPOINT,
    timeout: 2,
    async fetch(input, init) {
      // Lets other requests arrive while a call is in flight.
      await new Promise(setImmediate);
      return standIn.fetch(input, init);
    },
  });
  const ignore = () => undefined;
  const handler = createRequestHandler({
    store: createVersionStore(client, SECRET),
    secret: SECRET,
    policy: { activationDelay: 1_800, sessionLifetime: 604_800, minimumAge: 3_600 },
    verifyPush: async () => ({ outcome: "genuine" }),
    random: (bytes) => Buffer.alloc(bytes, 7),
    log: { info: ignore, warn: ignore, error: ignore },
    draining: () => false,
  });
  return {
    standIn,
    versions: () => standIn.store.list(SECRET.project, SECRET.name, EVERY).versions?.length ?? 0,
    push: (payload: string | Buffer, more: InjectOptions = {}) =>
      inject(handler, { method: "POST", url: "/", payload, ...more }),
  };
}

const EVERY = { filter: "", pageSize: 0, pageToken: "" };

function message(attributes: unknown, messageId: unknown = "1"): string {
  return JSON.stringify({ message: { attributes, messageId }, subscription: "s" });
}

const ROTATE = { eventType: "SECRET_ROTATE", secretId: RESOURCE };

test("the valid message rotates once, which shows that the following ones are refused for their difference", async () => {
  const { push, versions } = rotator();
  expect((await push(message(ROTATE))).statusCode).toBe(204);
  expect((await push(message(ROTATE, "2"))).statusCode).toBe(204);
  expect(versions()).toBe(2);
});

const attribute = fc.oneof(
  fc.string(),
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    "SECRET_ROTATE ",
    "secret_rotate",
    "SECRET_VERSION_ADD",
    `${RESOURCE}/versions/1`,
    `${RESOURCE}/`,
    ` ${RESOURCE}`,
    `${RESOURCE}\n`,
    RESOURCE.toLowerCase(),
    `projects/${SECRET.project}/secrets/OTHER`,
    `projects/${SECRET.project}/locations/x/secrets/${SECRET.name}`,
    "projects/../secrets/SECRET_KEY",
    `//secretmanager.googleapis.com/${RESOURCE}`,
    `sm://${SECRET.project}/OTHER`,
    "projects/other-project/secrets/SECRET_KEY",
    "projects/1/secrets/SECRET_KEY",
  ),
);

/** Messages with at least one wrong part. */
const wrongMessage = fc.oneof(
  fc.record({ eventType: attribute, secretId: fc.constant(RESOURCE) }).map((a) => message(a)),
  fc
    .record({ eventType: fc.constant("SECRET_ROTATE"), secretId: attribute })
    .map((a) => message(a)),
  fc.jsonValue({ maxDepth: 4 }).map((attributes) => message(attributes)),
  fc.oneof(fc.integer(), fc.constant(null), fc.object()).map((id) => message(ROTATE, id)),
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify({ message: value })),
  fc.nat(message(ROTATE).length - 1).map((cut) => message(ROTATE).slice(0, cut)),
  fc.string(),
  fc.constantFrom(
    "",
    "null",
    `[${message(ROTATE)}]`,
    `\ufeff${message(ROTATE)}`,
    JSON.stringify({ message: { messageId: "1", __proto__: { attributes: ROTATE } } }),
    '{"message":{"messageId":"1","__proto__":{"attributes":{"eventType":"SECRET_ROTATE"}}}}',
    JSON.stringify({ message: { messageId: "1", data: Buffer.from("x").toString("base64") } }),
    JSON.stringify({ attributes: ROTATE, messageId: "1" }),
    "[".repeat(200_000),
    '{"message":'.repeat(20_000),
  ),
);

test("no other message rotates, and none causes a server error", async () => {
  const { push, versions } = rotator();
  await fc.assert(
    fc.asyncProperty(wrongMessage, async (body) => {
      const { statusCode } = await push(body);
      expect([204, 400]).toContain(statusCode);
      expect(versions()).toBe(1);
    }),
    { numRuns: 600 },
  );
});

test("a body that is too long is refused without being buffered, and other routes get 404", async () => {
  const { push, versions } = rotator();
  const long = JSON.stringify({ ...JSON.parse(message(ROTATE)), padding: "x".repeat(300_000) });
  expect((await push(long)).statusCode).toBe(400);
  expect((await push(Buffer.alloc(20_000_000))).statusCode).toBe(400);
  for (const url of ["/?x", "//", "/a", "/health/live", "/%2f", "*"]) {
    for (const method of ["GET", "PUT", "POST", "DELETE"] as const) {
      if (url === "/?x" && method === "POST") continue;
      const { statusCode } = await push(message(ROTATE), { url, method });
      expect([200, 404]).toContain(statusCode);
    }
  }
  expect(versions()).toBe(1);
});

// ASVS 13.3.4
test("a message that is delivered many times concurrently rotates once", async () => {
  const { push, versions } = rotator();
  const answers = await Promise.all(Array.from({ length: 20 }, () => push(message(ROTATE))));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(20).fill(204));
  expect(versions()).toBe(2);
});
