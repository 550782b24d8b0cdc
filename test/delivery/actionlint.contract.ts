import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const ROOT = join(import.meta.dirname, "..", "..");
const ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12";

const hasGo = spawnSync("go", ["version"]).status === 0;
if (!hasGo) process.stderr.write("actionlint: skipped, because Go is not installed.\n");

/** actionlint checks syntax, expressions, names of jobs, inputs and outputs, and shell scripts. */
(hasGo ? test : test.skip)(
  "actionlint finds nothing in the workflows",
  () => {
    const { status, stdout, stderr } = spawnSync("go", ["run", ACTIONLINT, "-no-color"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect({ status, stdout, stderr: status === 0 ? "" : stderr }).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
  },
  600_000,
);
