import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
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

const CLAIMS = {
  iss: "https://accounts.google.com",
  aud: "the rotator",
  email: "push@acme.example",
  email_verified: true,
};

/** The test's key, and a preload that serves it to the process at the URL of Google's keys. */
async function googleKeys() {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "RS256" }] };
  const preload = `const other = fetch; globalThis.fetch = (url, options) =>
    String(url) === "https://www.googleapis.com/oauth2/v3/certs"
      ? Promise.resolve(Response.json(${JSON.stringify(jwks)}))
      : other(url, options);`;
  return {
    preload: `--import=data:text/javascript,${encodeURIComponent(preload)}`,
    token: await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: "RS256", kid: "1" })
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey),
  };
}

function start(env: Record<string, string> = {}) {
  return startService({
    program: PROGRAM,
    env: {
      SECRET_KEY: "sm://acme/SECRET_KEY",
      SECRET_MANAGER_ENDPOINT: secretManager.url,
      PUSH_AUDIENCE: CLAIMS.aud,
      PUSH_ACCOUNT: CLAIMS.email,
      ...env,
    },
  });
}

test("the rotator rotates on a push, logs no payload, and ends on SIGTERM", async () => {
  const { preload, token } = await googleKeys();
  await using rotator = await start({ NODE_OPTIONS: preload });
  const attributes = {
    eventType: "SECRET_ROTATE",
    secretId: "projects/acme/secrets/SECRET_KEY",
  };
  const body = JSON.stringify({ message: { messageId: "1", attributes } });
  const { store } = secretManager.standIn;
  const push = async (authorization: string) =>
    (await fetch(`${rotator.url}/`, { method: "POST", body, headers: { authorization } })).status;
  expect(await push(`Bearer ${token.slice(0, -8)}AAAAAAAA`)).toBe(401);
  expect(await push(`Bearer ${token}`)).toBe(204);
  expect(await push(`Bearer ${token}`)).toBe(204);
  expect(store.list("acme", "SECRET_KEY", ALL).totalSize).toBe(1);

  rotator.kill("SIGTERM");
  expect(await rotator.exited).toEqual({ code: 0, signal: null });
  expect(rotator.lines.map(({ event }) => event)).toEqual([
    "listening",
    "push_refused",
    "rotation_done",
    "rotation_repeated",
    "draining",
  ]);
  const { data } = store.access("acme", "SECRET_KEY", "1").payload;
  const payload = Buffer.from(data, "base64").toString();
  expect(payload).toMatch(/^[\w-]{64}$/);
  expect(rotator.output()).not.toContain(payload);
  expect(rotator.output()).not.toContain(data);
  expect(rotator.output()).not.toContain(token);
});

test("the rotator does not start with invalid settings, and reports all of them", async () => {
  await using rotator = await start({ SECRET_KEY: "a value", KEY_ACTIVATION_DELAY: "soon" });
  expect(await rotator.exited).toEqual({ code: 1, signal: null });
  expect(rotator.lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^SECRET_KEY .*sm:\/\/PROJECT\/SECRET/),
    expect.stringMatching(/^KEY_ACTIVATION_DELAY /),
  ]);
  expect(rotator.output()).not.toContain("a value");
});
