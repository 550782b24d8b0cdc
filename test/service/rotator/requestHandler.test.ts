import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createLog } from "../../../service/process/log.ts";
import { createRequestHandler } from "../../../service/rotator/requestHandler.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { SECRET } from "../../support/keyBench.ts";
import {
  createRotationBench,
  DAY,
  KNOWN_SECRETS,
  knownRandom,
  POLICY,
  type RotationBench,
} from "./rotationBench.ts";

const servers: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server[Symbol.asyncDispose]()));
});

interface Rotator extends RotationBench {
  readonly url: string;
  /** Parsed lines of the log. */
  readonly lines: Record<string, unknown>[];
  /** Number of the project, as Secret Manager writes it. */
  readonly project: string;
  /** Pushes a message and returns the status of the response. */
  push(attributes?: object, messageId?: string): Promise<number>;
  events(): unknown[];
}

/** A rotator of a secret with one version, which signs. */
async function rotator({ draining = false, empty = false } = {}): Promise<Rotator> {
  const bench = createRotationBench();
  if (!empty) bench.add();
  await bench.time.advance(5 * DAY);
  const { name } = bench.standIn.store.getSecret(SECRET.project, SECRET.name);
  const project = name.split("/")[1] ?? "";
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "info",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const handler = createRequestHandler({
    store: bench.store,
    secret: SECRET,
    policy: POLICY,
    verifyPush: async (authorization) =>
      authorization === "Bearer genuine"
        ? { outcome: "genuine" }
        : {
            outcome: authorization === "Bearer unknown" ? "unavailable" : "refused",
            reason: "of the test",
          },
    random: knownRandom,
    log,
    draining: () => draining,
  });
  const server = await serve(handler);
  servers.push(server);
  return {
    ...bench,
    url: server.url,
    lines,
    project,
    async push(attributes = {}, messageId = "1") {
      const all = { eventType: "SECRET_ROTATE", secretId: name, ...attributes };
      return post(server.url, JSON.stringify({ message: { messageId, attributes: all } }));
    },
    events: () => lines.map(({ event }) => event),
  };
}

async function post(url: string, body: string, authorization = "Bearer genuine"): Promise<number> {
  const response = await fetch(url, { method: "POST", body, headers: { authorization } });
  expect(await response.text()).toBe("");
  return response.status;
}

describe("a push that could not be verified", () => {
  const message = (secretId: string) =>
    JSON.stringify({
      message: { messageId: "1", attributes: { eventType: "SECRET_ROTATE", secretId } },
    });

  test.each([
    ["is refused", "Bearer forged", 401],
    [
      "is answered with 503, so that it is redelivered, if Google's keys can't be read",
      "Bearer unknown",
      503,
    ],
  ])("%s, and rotates nothing", async (_, authorization, status) => {
    const bench = await rotator();
    const secretId = `projects/${bench.project}/secrets/${SECRET.name}`;
    expect(await post(bench.url, message(secretId), authorization)).toBe(status);
    expect(bench.states()).toEqual(["1 ENABLED"]);
    expect(bench.lines).toMatchObject([{ event: "push_refused", reason: "of the test" }]);
  });
});

describe("SECRET_ROTATE for this secret", () => {
  test("rotates it, and is acknowledged afterwards", async () => {
    const bench = await rotator();
    expect(await bench.push()).toBe(204);
    expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED"]);
    expect(bench.lines).toMatchObject([
      {
        severity: "INFO",
        event: "rotation_done",
        messageId: "1",
        steps: [{ action: "add", version: 2 }],
      },
    ]);
  });

  test("rotates it if the message names the project by its ID, too", async () => {
    const bench = await rotator();
    await bench.push({ secretId: `projects/${SECRET.project}/secrets/${SECRET.name}` });
    expect(bench.states()).toHaveLength(2);
  });

  test("adds the first version of a secret", async () => {
    const bench = await rotator({ empty: true });
    expect(await bench.push()).toBe(204);
    expect(bench.states()).toEqual(["1 ENABLED"]);
  });

  test("within an hour of the last is acknowledged, and adds nothing", async () => {
    const bench = await rotator();
    for (const messageId of ["1", "1", "2"]) expect(await bench.push({}, messageId)).toBe(204);
    await bench.time.advance(3599);
    expect(await bench.push()).toBe(204);
    expect(bench.states()).toHaveLength(2);
    expect(bench.events()).toEqual([
      "rotation_done",
      "rotation_repeated",
      "rotation_repeated",
      "rotation_repeated",
    ]);
    await bench.time.advance(1);
    await bench.push();
    expect(bench.states()).toHaveLength(3);
  });

  test("that arrives many times at once adds one version", async () => {
    const bench = await rotator();
    const statuses = await Promise.all(Array.from({ length: 20 }, () => bench.push()));
    expect(new Set(statuses)).toEqual(new Set([204]));
    expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED"]);
  });

  test("destroys versions that no session needs", async () => {
    const bench = await rotator();
    await bench.push();
    await bench.time.advance(30 * DAY);
    expect(await bench.push()).toBe(204);
    expect(bench.states()).toEqual(["1 DESTROYED", "2 ENABLED", "3 ENABLED"]);
    expect(bench.lines.at(-1)).toMatchObject({
      steps: [
        { action: "add", version: 3 },
        { action: "destroy", version: 1 },
      ],
    });
  });
});

describe("a message that is acknowledged and ignored", () => {
  test.each([
    ["another event", { eventType: "SECRET_VERSION_ADD" }],
    ["no event", { eventType: undefined }],
    ["another secret", { secretId: "projects/phoenix-test/secrets/ANOTHER" }],
    [
      "a secret of the same name in another project",
      { secretId: "projects/42/secrets/SECRET_KEY" },
    ],
    ["a version", { secretId: "projects/phoenix-test/secrets/SECRET_KEY/versions/1" }],
    ["no secret", { secretId: undefined }],
  ])("is about %s", async (_what, attributes) => {
    const bench = await rotator();
    expect(await bench.push(attributes)).toBe(204);
    expect(bench.states()).toEqual(["1 ENABLED"]);
    expect(bench.events()).toEqual(["push_ignored"]);
  });
});

describe("a request that is not a push", () => {
  test.each(["", "{}", "[]", "no JSON", '{"message":7}', '{"message":{"attributes":{}}}'])(
    "is refused with 400: %j",
    async (body) => {
      const bench = await rotator();
      expect(await post(bench.url, body)).toBe(400);
      expect(bench.states()).toEqual(["1 ENABLED"]);
      expect(bench.events()).toEqual(["push_malformed"]);
    },
  );

  test("is refused with 400 if the body is too long", async () => {
    const bench = await rotator();
    const attributes = { eventType: "SECRET_ROTATE", secretId: "projects/p/secrets/SECRET_KEY" };
    const data = "x".repeat(256 * 1024);
    const body = JSON.stringify({ message: { messageId: "1", attributes, data } });
    expect(await post(bench.url, body)).toBe(400);
    expect(bench.states()).toEqual(["1 ENABLED"]);
  });

  test.each([
    ["GET", "/"],
    ["PUT", "/"],
    ["POST", "/rotate"],
  ])("gets 404: %s %s", async (method, path) => {
    const bench = await rotator();
    expect((await fetch(`${bench.url}${path}`, { method })).status).toBe(404);
    expect(bench.standIn.calls.list).toBe(0);
  });

  test("is dropped if the sender disconnects", async () => {
    const bench = await rotator();
    const { port } = new URL(bench.url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"message"');
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    expect(await bench.push()).toBe(204);
    expect(bench.states()).toHaveLength(2);
  });
});

describe("a rotation that fails", () => {
  test.each(["list", "get", "add"] as const)(
    "is answered with 500 if %s fails, so that it is redelivered",
    async (on) => {
      const bench = await rotator();
      bench.standIn.fail({ fault: "unavailable", on: [on] });
      expect(await bench.push()).toBe(500);
      expect(bench.lines).toMatchObject([
        { severity: "ERROR", event: "rotation_failed", messageId: "1", cause: expect.any(String) },
      ]);
      bench.standIn.heal();
      expect(await bench.push()).toBe(204);
      expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED"]);
    },
  );

  test("does not block the next one", async () => {
    const bench = await rotator();
    bench.standIn.fail({ fault: "internal", on: ["list"], times: 1 });
    const statuses = await Promise.all([bench.push(), bench.push()]);
    expect(statuses.toSorted()).toEqual([204, 500]);
    expect(bench.states()).toHaveLength(2);
  });

  test("does not add a second version if the first one's response was lost", async () => {
    const bench = await rotator();
    bench.standIn.fail({ fault: "lostAnswer", on: ["add"], times: 1 });
    expect(await bench.push()).toBe(500);
    expect(await bench.push()).toBe(204);
    expect(bench.states()).toHaveLength(2);
  });

  test("is completed by the next one if only a destroy failed", async () => {
    const bench = await rotator();
    await bench.push();
    await bench.time.advance(30 * DAY);
    bench.standIn.fail({ fault: "exhausted", on: ["destroy"], times: 1 });
    expect(await bench.push()).toBe(500);
    expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED", "3 ENABLED"]);
    expect(await bench.push()).toBe(204);
    expect(bench.states()).toEqual(["1 DESTROYED", "2 ENABLED", "3 ENABLED"]);
  });
});

describe("the probes", () => {
  test("are answered without a call to Secret Manager", async () => {
    const bench = await rotator();
    for (const path of ["/health/live", "/health/ready", "/health/ready?now"]) {
      expect((await fetch(`${bench.url}${path}`)).status).toBe(200);
    }
    expect(Object.values(bench.standIn.calls).every((count) => count === 0)).toBe(true);
  });

  test("report a draining instance as live and not ready", async () => {
    const { url } = await rotator({ draining: true });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
  });
});

test("the log contains no payload, and no unvalidated text of the sender", async () => {
  const bench = await rotator();
  const typed = randomBytes(9).toString("hex");
  await post(bench.url, `{"message": "${typed}"}`);
  await bench.push({ secretId: `projects/p/secrets/${typed}` });
  await bench.push();
  await bench.time.advance(DAY);
  bench.standIn.fail({ fault: "unavailable", on: ["add"] });
  expect(await bench.push()).toBe(500);
  const text = JSON.stringify(bench.lines);
  for (const secret of [...KNOWN_SECRETS, typed]) expect(text).not.toContain(secret);
});
