import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type RunningSecretManager, startSecretManager } from "../../local/secretManager.ts";
import { startService } from "../../support/serviceProcess.ts";

const PROGRAM = [join(import.meta.dirname, "../../../service/rotator/server.ts")];
const ALL = { filter: "", pageSize: 0, pageToken: "" };

let secretManager: RunningSecretManager;
beforeEach(async () => {
  secretManager = await startSecretManager();
  secretManager.standIn.store.createSecret("acme", "SECRET_KEY");
});
afterEach(() => secretManager.close());

function start(env: Record<string, string> = {}) {
  return startService({
    program: PROGRAM,
    env: {
      SECRET_KEY: "sm://acme/SECRET_KEY",
      SECRET_MANAGER_ENDPOINT: secretManager.url,
      ...env,
    },
  });
}

test("the rotator rotates when it is told to, logs no payload, and ends on SIGTERM", async () => {
  await using rotator = await start();
  const attributes = {
    eventType: "SECRET_ROTATE",
    secretId: "projects/acme/secrets/SECRET_KEY",
  };
  const body = JSON.stringify({ message: { messageId: "1", attributes } });
  const { store } = secretManager.standIn;
  for (let i = 0; i < 2; i += 1) {
    const response = await fetch(`${rotator.url}/`, { method: "POST", body });
    expect(response.status).toBe(204);
  }
  expect(store.list("acme", "SECRET_KEY", ALL).totalSize).toBe(1);

  rotator.kill("SIGTERM");
  expect(await rotator.exited).toEqual({ code: 0, signal: null });
  expect(rotator.lines.map(({ event }) => event)).toEqual([
    "listening",
    "rotation_done",
    "rotation_repeated",
    "draining",
  ]);
  const { data } = store.access("acme", "SECRET_KEY", "1").payload;
  const payload = Buffer.from(data, "base64").toString();
  expect(payload).toMatch(/^[\w-]{64}$/);
  expect(rotator.output()).not.toContain(payload);
  expect(rotator.output()).not.toContain(data);
});

test("the rotator does not start with settings that make no sense, and says all of them", async () => {
  await using rotator = await start({ SECRET_KEY: "a value", KEY_ACTIVATION_DELAY: "soon" });
  expect(await rotator.exited).toEqual({ code: 1, signal: null });
  expect(rotator.lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^SECRET_KEY .*sm:\/\/PROJECT\/SECRET/),
    expect.stringMatching(/^KEY_ACTIVATION_DELAY /),
  ]);
  expect(rotator.output()).not.toContain("a value");
});
