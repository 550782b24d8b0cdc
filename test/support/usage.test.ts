import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const ROOT = join(import.meta.dirname, "../..");

/** Runs a program; returns its exit code and output. */
function run(program: string, ...args: readonly string[]) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [join(ROOT, program), ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

test.each([
  ["npm run measure", "test/support/measureProgram.ts"],
  ["npm run bundle", "infra/commands/bundle.ts"],
])("%s prints its help, and refuses an unknown option", async (name, program) => {
  const [help, wrong] = await Promise.all([
    run(program, "--fast", "--help"),
    run(program, "--fast"),
  ]);
  expect(help).toEqual({ code: 0, stdout: expect.stringContaining(`Usage: ${name}`), stderr: "" });
  expect(wrong).toEqual({
    code: 2,
    stdout: "",
    stderr: `Unknown option --fast.\nSee ${name} -- --help.\n`,
  });
});
