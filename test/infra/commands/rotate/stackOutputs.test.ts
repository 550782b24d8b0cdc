import { describe, expect, test } from "@jest/globals";
import { readStackKeys } from "../../../../infra/commands/rotate/stackOutputs.ts";

const OUTPUTS = {
  url: "https://phoenix-dev.run.app",
  secretKey: "sm://acme/phoenix-dev-SECRET_KEY",
  keyPolicy: { activationDelay: 900, refreshInterval: 45, sessionLifetime: 86_400 },
};

/** A fake Pulumi that prints these outputs and records its arguments. */
function printing(outputs: unknown) {
  const calls: (readonly string[])[] = [];
  return {
    calls,
    async run(program: string, args: readonly string[]) {
      calls.push([program, ...args]);
      const stdout = typeof outputs === "string" ? outputs : JSON.stringify(outputs, null, 2);
      return { status: 0, stdout, stderr: "" };
    },
  };
}

test("it runs pulumi stack output without --show-secrets", async () => {
  const { calls, run } = printing(OUTPUTS);
  await readStackKeys("acme/phoenix/dev", run);
  expect(calls).toEqual([
    ["npx", "pulumi", "stack", "output", "--json", "--stack", "acme/phoenix/dev"],
  ]);
});

test("the outputs contain the secret and the settings, which get the names of the service's variables", async () => {
  expect(await readStackKeys("dev", printing(OUTPUTS).run)).toEqual({
    secret: { project: "acme", name: "phoenix-dev-SECRET_KEY" },
    settings: {
      KEY_ACTIVATION_DELAY: "900",
      KEY_REFRESH_INTERVAL: "45",
      PERMANENT_SESSION_LIFETIME: "86400",
    },
  });
});

test("a stack without the output keyPolicy gets the default settings", async () => {
  for (const keyPolicy of [undefined, null, "1800", [1800], { activationDelay: "1800" }]) {
    const { run } = printing({ ...OUTPUTS, keyPolicy });
    expect((await readStackKeys("dev", run)).settings).toEqual({});
  }
});

describe("a stack is refused", () => {
  test.each([
    ["is not deployed", {}],
    ["belongs to another program", { secretKey: "[secret]" }],
    ["has an output of another type", { secretKey: { project: "acme" } }],
    ["has outputs that are not JSON", "The resource plugin is missing."],
    ["has empty output", ""],
  ])("that %s, with the command that deploys it", async (_what, outputs) => {
    await expect(readStackKeys("dev", printing(outputs).run)).rejects.toMatchObject({
      code: "STACK_WITHOUT_KEY",
      message: expect.stringContaining("npx pulumi up --stack dev"),
    });
  });

  test.each([
    [255, "\u001b[31merror: no stack named 'dev' found\n", "error: no stack named 'dev' found"],
    [127, "", "npx pulumi ended with 127"],
  ])("that Pulumi can't read (%s), with Pulumi's error", async (status, stderr, cause) => {
    const run = async () => ({ status, stdout: "", stderr });
    await expect(readStackKeys("dev", run)).rejects.toMatchObject({
      code: "STACK_UNREADABLE",
      message: expect.stringMatching(
        new RegExp(`dev can't be read: .*${cause}\n.*--secret projects/P/secrets`),
      ),
    });
  });
});
