import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { emptyCloud, PROJECT, REPOSITORY } from "./cloud.ts";
import { type Machine, startMachine } from "./path.ts";

const CLI = join(import.meta.dirname, "../../../../infra/commands/bootstrap/cli.ts");
const ARGS = ["dev", "--project", PROJECT, "--billing-account", "012345-6789AB-CDEF01"];
const WITH_GITHUB = [...ARGS, "--github", REPOSITORY];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in the machine's folder, without a terminal. */
async function run(machine: Machine, program: string, args: readonly string[]): Promise<Ended> {
  const { folder: cwd, env } = machine;
  try {
    return { code: 0, ...(await promisify(execFile)(program, args, { cwd, env })) };
  } catch (error) {
    return error as Ended;
  }
}

const bootstrap = (machine: Machine, args: readonly string[]) =>
  run(machine, process.execPath, [CLI, ...args]);

test("with gcloud, gh and npx on PATH it sets up a stack, and a second run changes nothing", async () => {
  const cloud = emptyCloud();
  await using machine = await startMachine(cloud);
  const first = await bootstrap(machine, [...WITH_GITHUB, "--yes"]);
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toMatch(
    /created {2}variables of GitHub's environment dev\n\nNext:\n[\s\S]*npx pulumi preview [^\n]*\n$/,
  );
  expect(cloud.credentials?.quota_project_id).toBe(PROJECT);
  expect(cloud.environments.get("dev")?.variables.get("GOOGLE_PROJECT")).toBe(PROJECT);
  const second = await bootstrap(machine, WITH_GITHUB);
  expect(second).toMatchObject({ code: 0 });
  expect(second.stdout).toContain("There is nothing to do.");
});

test("the output of --dry-run is a shell script with the same effect", async () => {
  const cloud = emptyCloud();
  await using machine = await startMachine(cloud);
  const printed = await bootstrap(machine, [...WITH_GITHUB, "--dry-run"]);
  expect(cloud.project).toBeUndefined();
  const done = await run(machine, "/bin/bash", ["--norc", "-euc", printed.stdout]);
  expect([done.code, done.stderr]).toEqual([0, ""]);
  expect((await bootstrap(machine, WITH_GITHUB)).stdout).toContain("There is nothing to do.");
});

test("a program that fails gives status 1, and a missing one is named", async () => {
  await using machine = await startMachine(emptyCloud(), "kms keys create");
  const failed = await bootstrap(machine, [...ARGS, "--yes"]);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("--purpose encryption\nfailed: ERROR: quota exceeded\n");
  expect(failed.stdout).not.toContain("may use the key\n[");

  const nobody = await bootstrap(machine, ARGS);
  expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining("Add --yes") });

  machine.remove("gh");
  const missing = await bootstrap(machine, WITH_GITHUB);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain("gh is not installed. See https://cli.github.com.");
});
