import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import * as esbuild from "esbuild";
import * as tar from "tar";
import { type Archive, buildArchive } from "../../infra/bundle/archive.ts";
import { rebuild } from "./rebuild.ts";
import { mapSources, SOURCE_MAPS } from "./sourceMap.ts";

const CONFIG = join(import.meta.dirname, "..", "..", "service", "config.ts");

let archive: Archive;
let directory: string;
beforeAll(() => {
  archive = buildArchive();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "phoenix-map-"));
  tar.extract({ sync: true, file: archive.path, cwd: directory });
});
afterAll(() => esbuild.stop());
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Output of the program with an error at its first setting. */
function breakdown(): Promise<string> {
  // A getter that throws is a bug, which is shown with its stack.
  const breaking = `data:text/javascript,${encodeURIComponent(
    `process.env = new Proxy({}, { get(_, name) { if (name === "ENVIRONMENT") throw new Error("broken"); } });`,
  )}`;
  const args = [...SOURCE_MAPS, "--import", breaking, "index.js"];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: directory }, (_error, _stdout, stderr) => {
      resolve(stderr);
    });
  });
}

test("a stack names the service's sources, with existing lines", async () => {
  await mapSources(directory);
  const stack = await breakdown();
  const [, line = ""] =
    new RegExp(`parseEnvironment \\(${CONFIG}:(\\d+):\\d+\\)`).exec(stack) ?? [];
  expect(readFileSync(CONFIG, "utf8").split("\n")[Number(line) - 1]).toContain('"ENVIRONMENT"');
});

test("a program of other sources keeps its own lines", async () => {
  appendFileSync(join(directory, "index.js"), "\n// of another time\n");
  const before = readFileSync(join(directory, "index.js"), "utf8");
  await mapSources(directory);
  expect(readFileSync(join(directory, "index.js"), "utf8")).toBe(before);
  expect(await breakdown()).toMatch(/index\.js:\d+/);
});

test("a folder without the program is unchanged", async () => {
  rmSync(join(directory, "index.js"));
  writeFileSync(join(directory, "other.js"), "");
  await mapSources(directory);
});

test("a build in another process gives the same archive", async () => {
  expect(await rebuild()).toEqual(archive);
});
