import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";

const REPOSITORY = join(import.meta.dirname, "../../..");
const REQUIRE_NODE = join(REPOSITORY, "infra/node/requireNode.cjs");

/** Loads the check in a process that pretends to be a version of Node. */
function loadedBy(version: string) {
  const script = `
    Object.defineProperty(process, "versions", { value: { node: ${JSON.stringify(version)} } });
    require(${JSON.stringify(REQUIRE_NODE)});
    console.log("the program runs");`;
  return spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
}

test.each(["18.20.8", "20.20.2", "22.12.0"])(
  "Node %s is refused in one line with the remedy",
  (version) => {
    const { status, stdout, stderr } = loadedBy(version);
    expect(stderr.trimEnd().split("\n")).toEqual([
      expect.stringMatching(`needs Node 24, and Node ${version}.*npm ci.*npx pulumi`),
    ]);
    expect(stdout).toBe("");
    // With this exit code Pulumi adds no message of its own.
    expect(status).toBe(32);
  },
);

test("Node 24 runs the program", () => {
  expect(loadedBy("24.0.0")).toMatchObject({ status: 0, stderr: "", stdout: "the program runs\n" });
});

test("npm start loads the check first", () => {
  const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8"));
  expect(scripts.start).toMatch(/^node --require \.\/infra\/node\/requireNode\.cjs /);
});

test("Pulumi loads the check first, and the program from package.json", () => {
  const project = parse(readFileSync(join(REPOSITORY, "Pulumi.yaml"), "utf8"));
  const { main } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8"));
  expect(project).not.toHaveProperty("main");
  expect(main).toBe("infra/index.ts");
  const { typescript, nodeargs } = project.runtime.options;
  expect(typescript).toBe(false);
  const [, file = ""] = /^--require=(\S+)/.exec(nodeargs) ?? [];
  expect(join(REPOSITORY, file)).toBe(REQUIRE_NODE);
  expect(existsSync(REQUIRE_NODE)).toBe(true);
});
