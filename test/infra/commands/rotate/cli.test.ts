import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { startSecretManager } from "../../../local/secretManager.ts";
import { serve } from "../../../support/httpServer.ts";

const CLI = join(import.meta.dirname, "../../../../infra/commands/rotate/cli.ts");
const SECRET = ["--secret", "projects/acme/secrets/SECRET_KEY"];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as `npm run rotate` does, without a terminal. */
function run(...args: string[]): Promise<Ended> {
  return runWith({}, ...args);
}

async function runWith(more: Record<string, string>, ...args: string[]): Promise<Ended> {
  const env = { ...process.env, ...more };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [CLI, ...args], { env })) };
  } catch (error) {
    return error as Ended;
  }
}

test("the command rotates, prints the results and exits with status 0", async () => {
  await using secretManager = await startSecretManager();
  const { url, standIn } = secretManager;
  standIn.store.createSecret("acme", "SECRET_KEY");
  const target = [...SECRET, "--endpoint", url];

  const refused = await run(...target);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("Add --yes") });
  expect(standIn.calls.add).toBe(0);

  const { code, stdout, stderr } = await run(...target, "--yes");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/Added version 1\.\n$/);
  const { data } = standIn.store.access("acme", "SECRET_KEY", "1").payload;
  expect(stdout).not.toContain(Buffer.from(data, "base64").toString());

  standIn.fail({ fault: "forbidden" });
  const failed = await run(...target, "--yes");
  expect(failed).toMatchObject({ code: 1, stdout: "" });
  expect(failed.stderr).toMatch(/^Secret Manager answered 403[^\n]*\n$/);
});

test("with invalid arguments it exits with status 2 and one line about the mistake", async () => {
  const { code, stdout, stderr } = await run("--secret", "SECRET_KEY");
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toBe(
    "--secret is written as projects/PROJECT/secrets/SECRET.\nSee npm run rotate -- --help.\n",
  );
});

test("without credentials it says so in one line, and no library adds a warning", async () => {
  // Not a metadata server, about which the library would warn.
  await using metadata = await serve((_req, res) => void res.writeHead(400).end());
  const surroundings = {
    GCE_METADATA_HOST: new URL(metadata.url).host,
    CLOUDSDK_CONFIG: import.meta.dirname,
    GOOGLE_APPLICATION_CREDENTIALS: "",
    HOME: import.meta.dirname,
  };
  const { code, stderr } = await runWith(surroundings, ...SECRET, "--dry-run");
  expect(code).toBe(1);
  expect(stderr).toBe(
    "There are no usable Google credentials to call Secret Manager with. Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS.\n",
  );
});
