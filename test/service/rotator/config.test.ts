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

test("only the secret and the push settings are required", () => {
  expect(parseRotatorConfig({ SECRET_KEY, ...PUSH })).toEqual({
    logLevel: "info",
    port: 8080,
    secret: { project: "acme", name: "SECRET_KEY" },
    endpoint: "https://secretmanager.googleapis.com",
    policy: { activationDelay: 1800, sessionLifetime: 604_800, minimumAge: 3600 },
    push: { audience: "the rotator", account: "push@acme.example" },
  });
});

test("without PUSH_AUDIENCE or PUSH_ACCOUNT it does not start", () => {
  expect(problems({ PUSH_AUDIENCE: "", PUSH_ACCOUNT: "" })).toEqual([
    "PUSH_AUDIENCE",
    "PUSH_ACCOUNT",
  ]);
});

test("all settings are read from the environment, except the minimum age of an hour", () => {
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

test("all problems are reported at once", () => {
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

test("a SECRET_KEY that is a value is refused, and not repeated in the message", () => {
  const value = "a value of more than thirty-two characters";
  expect(() => parseRotatorConfig({ SECRET_KEY: value })).toThrow(/sm:\/\/PROJECT\/SECRET/);
  expect(() => parseRotatorConfig({ SECRET_KEY: value })).not.toThrow(value);
});
