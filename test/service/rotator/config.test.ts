import { expect, test } from "@jest/globals";
import { ConfigError } from "../../../service/contract/errors.ts";
import { parseRotatorConfig } from "../../../service/rotator/config.ts";

const SECRET_KEY = "sm://acme/SECRET_KEY";
const PUSH = { PUSH_AUDIENCE: "the rotator", PUSH_ACCOUNT: "push@acme.example" };

function problems(env: Record<string, string>): string[] {
  try {
    parseRotatorConfig({ SECRET_KEY, ...PUSH, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ setting }) => setting);
    throw error;
  }
  return [];
}

test("all but the secret and the push has a default", () => {
  expect(parseRotatorConfig({ SECRET_KEY, ...PUSH })).toEqual({
    logLevel: "info",
    port: 8080,
    secret: { project: "acme", name: "SECRET_KEY" },
    endpoint: "https://secretmanager.googleapis.com",
    policy: { activationDelay: 1800, sessionLifetime: 604_800, minimumAge: 3600 },
    push: { audience: "the rotator", account: "push@acme.example" },
  });
});

test("without knowing who may push it does not start", () => {
  expect(problems({ PUSH_AUDIENCE: "", PUSH_ACCOUNT: "" })).toEqual([
    "PUSH_AUDIENCE",
    "PUSH_ACCOUNT",
  ]);
});

test("everything comes from the environment, but for the hour that makes a repetition one", () => {
  const env = {
    SECRET_KEY,
    ...PUSH,
    LOG_LEVEL: "warn",
    PORT: "9000",
    SECRET_MANAGER_ENDPOINT: "http://127.0.0.1:8085",
    KEY_ACTIVATION_DELAY: "900",
    PERMANENT_SESSION_LIFETIME: "86400",
  };
  expect(parseRotatorConfig(env)).toMatchObject({
    logLevel: "warn",
    port: 9000,
    endpoint: "http://127.0.0.1:8085",
    policy: { activationDelay: 900, sessionLifetime: 86_400, minimumAge: 3600 },
  });
});

test("all that is wrong is told at once", () => {
  expect(
    problems({
      SECRET_KEY: "",
      LOG_LEVEL: "loud",
      PORT: "70000",
      SECRET_MANAGER_ENDPOINT: "http://example.com",
      KEY_ACTIVATION_DELAY: "0",
      PERMANENT_SESSION_LIFETIME: "forever",
    }).toSorted(),
  ).toEqual([
    "KEY_ACTIVATION_DELAY",
    "LOG_LEVEL",
    "PERMANENT_SESSION_LIFETIME",
    "PORT",
    "SECRET_KEY",
    "SECRET_MANAGER_ENDPOINT",
  ]);
});

test("a key that is a value can't be rotated, and is not repeated in the refusal", () => {
  const value = "a value of more than thirty-two characters";
  expect(() => parseRotatorConfig({ SECRET_KEY: value })).toThrow(/sm:\/\/PROJECT\/SECRET/);
  expect(() => parseRotatorConfig({ SECRET_KEY: value })).not.toThrow(value);
});
