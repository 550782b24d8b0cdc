import { describe, expect, test } from "@jest/globals";
import { UsageError } from "../../../../infra/commands/commandLine.ts";
import { HELP, parseRotateOptions } from "../../../../infra/commands/rotate/options.ts";

const SECRET = ["--secret", "projects/acme/secrets/SECRET_KEY"];

test("the secret is given by its name or by its stack", () => {
  const named = { project: "acme", name: "SECRET_KEY" };
  expect(parseRotateOptions(SECRET)).toMatchObject({ target: { secret: named } });
  expect(parseRotateOptions(["--secret=sm://acme/SECRET_KEY"])).toMatchObject({
    target: { secret: named },
  });
  for (const stack of ["dev", "acme/dev", "acme/phoenix/dev", "dev_2.x-y"]) {
    expect(parseRotateOptions(["--stack", stack])).toMatchObject({ target: { stack } });
  }
});

test("by default it asks, does a planned rotation, and calls Google", () => {
  expect(parseRotateOptions(SECRET)).toMatchObject({
    compromised: false,
    again: false,
    yes: false,
    dryRun: false,
    json: false,
    endpoint: "https://secretmanager.googleapis.com",
  });
});

test("each option can be set", () => {
  const args = ["--compromised", "--again", "--dry-run", "--yes", "--json"];
  expect(
    parseRotateOptions([...SECRET, ...args, "--endpoint", "http://127.0.0.1:8085/"]),
  ).toMatchObject({
    compromised: true,
    again: true,
    yes: true,
    dryRun: true,
    json: true,
    endpoint: "http://127.0.0.1:8085",
  });
});

test("with --help other arguments are ignored", () => {
  expect(parseRotateOptions(["--help"])).toBe("help");
  expect(parseRotateOptions(["-h", "--yes"])).toBe("help");
  expect(parseRotateOptions(["--secret", "nonsense", "--force", "-h"])).toBe("help");
});

test("the help lists every option, and how to get only JSON", () => {
  expect(HELP).toContain("npm run --silent rotate -- ");
  for (const option of [
    "--stack",
    "--secret",
    "--compromised",
    "--again",
    "--dry-run",
    "--yes",
    "--json",
    "--endpoint",
    "--help",
  ]) {
    expect(HELP).toContain(option);
  }
  expect(Math.max(...HELP.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(100);
});

describe("invalid arguments are refused", () => {
  test.each([
    ["no secret", [], /--stack STACK or --secret/],
    ["a secret and a stack", [...SECRET, "--stack", "dev"], /either/],
    [
      "a value that is not a secret's name",
      ["--secret", "SECRET_KEY"],
      /projects\/PROJECT\/secrets\/SECRET/,
    ],
    ["a version", ["--secret", "projects/p1/secrets/s/versions/1"], /--secret is written as/],
    ["an invalid project ID", ["--secret", "projects/p/secrets/s"], /"p" can't be a project's ID/],
    ["...in Berglas' notation", ["--secret", "sm://Acme/s"], /"Acme" can't be a project's ID/],
    ["an invalid name", ["--secret", "projects/acme/secrets/a.b"], /"a\.b" can't be a secret's/],
    ["a stack that is an option", ["--stack=--show-secrets"], /--stack takes/],
    ["a stack that is a command", ["--stack", "dev; rm -rf /"], /--stack takes/],
    ["a stack that is empty", ["--stack", ""], /--stack takes/],
    ["an unknown option", [...SECRET, "--force"], /--force/],
    ["a value for a flag", [...SECRET, "--yes=no"], /--yes/],
    ["a positional argument", [...SECRET, "now"], /now/],
    ["a missing value", ["--secret"], /--secret needs a value\./],
  ])("%s", (_what, args, message) => {
    expect(() => parseRotateOptions(args)).toThrow(UsageError);
    expect(() => parseRotateOptions(args)).toThrow(message);
  });

  test.each([
    "https://127.0.0.1:8085",
    "http://192.168.0.7:8085",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "https://secretmanager.googleapis.com.example.com",
    "http://secretmanager.googleapis.com",
    "http://user:password@127.0.0.1:8085",
    "http://127.0.0.1:8085/v1",
    "file:///etc/passwd",
    "8085",
    "",
  ])("an endpoint on another machine: %j", (endpoint) => {
    const call = () => parseRotateOptions([...SECRET, "--endpoint", endpoint]);
    expect(call).toThrow(UsageError);
    expect(call).toThrow("--endpoint takes only http on this machine");
  });
});
