import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import * as tar from "tar";
import { buildArchive } from "../../../infra/bundle/archive.ts";
import { startService } from "../../support/serviceProcess.ts";

const SECRET_KEY = "a secret of more than thirty-two characters";

/** The unpacked bundle, so that the tests run what Cloud Run runs. */
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "phoenix-start-"));
  tar.extract({ sync: true, file: buildArchive().path, cwd: directory });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Message of an instance that can't share ended sessions with others. */
const APART = expect.objectContaining({ severity: "WARNING", event: "ended_sessions_apart" });

function run(env: Record<string, string>, program = "index.js") {
  return startService({ directory, program: [program], env });
}

/** Exit code and log lines of a process that refuses to start. */
async function refusal(env: Record<string, string>, program?: string) {
  await using service = await run(env, program);
  expect(service.url).toBeUndefined();
  const { code } = await service.exited;
  return { code, lines: service.lines, output: service.output() };
}

test("the deployed program starts, logs its port, and serves", async () => {
  await using service = await run({ SECRET_KEY });
  expect(service.lines).toEqual([
    APART,
    {
      severity: "INFO",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      event: "listening",
      instance: expect.stringMatching(/^[\da-f]{6}$/),
      port: service.port,
      message: `Listening on port ${service.port}`,
    },
  ]);
  const home = await fetch(`${service.url}/`);
  expect([home.status, await home.text()]).toEqual([200, expect.stringContaining("Sign in")]);
  const script = await fetch(`${service.url}/static/page.js`);
  expect([script.status, script.headers.get("content-type")]).toEqual([
    200,
    expect.stringContaining("javascript"),
  ]);
});

test("with LISTEN_ADDRESS it can be reached at that address only", async () => {
  await using service = await run({ SECRET_KEY, LISTEN_ADDRESS: "127.0.0.1" });
  expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
  for (const host of ["127.0.0.2", "[::1]"]) {
    await expect(fetch(`http://${host}:${service.port}/health/live`)).rejects.toThrow();
  }
});

test("invalid settings end it with status 1 and a JSON line for each problem", async () => {
  const { code, lines, output } = await refusal({
    K_SERVICE: "phoenix-prod",
    PUBLIC_URL: "https://phoenix.example",
    ENVIRONMENT: "prod",
    SECRET_KEY: "hunter2",
    SESSION_COOKIE_SECURE: "false",
    SESSION_TYPE: "redis",
    PERMANENT_SESSION_LIFETIME: "7d",
    OIDC_ISSUER: "https://accounts.google.com",
    OIDC_CLIENT_ID: "an id",
    OIDC_CLIENT_SECRET: " opensesame",
    ALLOWED_USERS: "@acme.example",
  });
  expect(code).toBe(1);
  expect(lines.map(({ message }) => String(message).split(" ")[0])).toEqual([
    "SECRET_KEY",
    "SESSION_TYPE",
    "SESSION_COOKIE_SECURE",
    "PERMANENT_SESSION_LIFETIME",
    "OIDC_CLIENT_SECRET",
    "ENDED_SESSIONS",
  ]);
  for (const line of lines) {
    expect(line).toEqual({
      severity: "CRITICAL",
      time: expect.any(String),
      event: "start_refused",
      code: "CONFIG_INVALID",
      message: expect.stringMatching(
        /^[A-Z_]+ (?:is|has|begins) [^\n]+\. (?:Set|Use|Leave) [^\n]+\.$/,
      ),
    });
  }
  // Nothing but these lines: no stack, and no secret.
  expect(output.trimEnd().split("\n")).toHaveLength(lines.length);
  for (const secret of ["hunter2", "opensesame", "    at "]) expect(output).not.toContain(secret);
});

test("without any environment it reports that SECRET_KEY is missing, and how to generate one", async () => {
  const { code, lines } = await refusal({});
  expect(code).toBe(1);
  expect(lines).toEqual([
    expect.objectContaining({ message: expect.stringContaining("openssl rand -base64 48") }),
  ]);
});

test("the rotator refuses invalid settings in the same way", async () => {
  const { code, lines } = await refusal({ SECRET_KEY, KEY_ACTIVATION_DELAY: "soon" }, "rotator.js");
  expect(code).toBe(1);
  expect(lines.map(({ message }) => String(message).split(" ")[0]).toSorted()).toEqual([
    "KEY_ACTIVATION_DELAY",
    "PUSH_ACCOUNT",
    "PUSH_AUDIENCE",
    "SECRET_KEY",
  ]);
});

test("a port that is in use is reported in one line, with a remedy", async () => {
  await using first = await run({ SECRET_KEY });
  const { code, lines, output } = await refusal({ SECRET_KEY, PORT: String(first.port) });
  expect(code).toBe(1);
  expect(lines).toEqual([
    APART,
    expect.objectContaining({
      severity: "CRITICAL",
      event: "listen_failed",
      code: "EADDRINUSE",
      message: `Port ${first.port} is taken. Set PORT to another one.`,
    }),
  ]);
  expect(output).not.toContain("    at ");
});
