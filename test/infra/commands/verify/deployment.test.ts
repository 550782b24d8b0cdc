import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { LocalDeployment } from "../../../local/deployment.ts";
import { runJson } from "./support/run.ts";

let deployment: LocalDeployment;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "phoenix-verify-"));
  deployment = await LocalDeployment.start({ instances: 3 });
});
afterAll(async () => {
  await deployment.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the declared stack passes before and after a deployment, and fails with sessions in files", async () => {
  const file = join(folder, "before.json");
  const before = await runJson([deployment.url, "--instances", "3", "--save", file]);
  expect(before.failed).toEqual([]);
  expect(before.skipped).toEqual(["strict-transport", "https"]);
  expect(before.status).toBe(0);
  for (const { id } of deployment.fleet.instances()) {
    expect(before.text("logout")).toMatch(new RegExp(`${id} after \\d+ s`));
  }
  expect(before.json.instances.map(({ instance }) => instance).toSorted()).toEqual(
    deployment.fleet
      .instances()
      .map(({ id }) => id)
      .toSorted(),
  );

  await deployment.roll({ env: { LOG_LEVEL: "debug" } });
  const after = await runJson([deployment.url, "--instances", "3", "--before", file]);
  expect(after.failed).toEqual([]);
  expect(after.status).toBe(0);
  expect(after.text("earlier-session")).toContain("works on 3 instances");
  expect(after.text("instances-replaced")).toContain("all of them new");

  await deployment.roll({ env: { SESSION_TYPE: "filesystem" } });
  const faulty = await runJson([deployment.url, "--before", file]);
  expect(faulty.status).toBe(1);
  expect(faulty.failed).toEqual(["sessions", "earlier-session"]);
  expect(faulty.text("sessions")).toContain("SESSION_TYPE=filesystem");
  expect(faulty.text("earlier-session")).toContain("SESSION_TYPE=filesystem");
  // Twice, every instance is waited for until it learns of a sign-out.
}, 150_000);
