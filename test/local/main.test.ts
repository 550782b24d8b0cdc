import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "@jest/globals";
import { askMany, untilSaved } from "../support/askMany.ts";
import { serve } from "../support/httpServer.ts";
import { signIn } from "../support/signIn.ts";
import { hasTerminals, runInTerminal } from "../support/terminal.ts";
import { ada } from "./identity/users.ts";
import { keptFile } from "./runFolder.ts";

const MAIN = join(import.meta.dirname, "main.ts");

/** A running `npm start`. */
interface Command {
  readonly pid: number;
  /** The site's URL; undefined if the command ended before it printed one. */
  readonly url: string | undefined;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

// Ends them even after a test that timed out.
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

async function start(...args: readonly string[]): Promise<Command> {
  return run([MAIN, ...args]);
}

async function run(
  args: readonly string[],
  env: object = {},
  program = process.execPath,
): Promise<Command> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const written = { stdout: "", stderr: "" };
  const ready = Promise.withResolvers<string>();
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  ends.push(() => {
    child.kill("SIGTERM");
    return exited;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    written.stdout += text;
    const [, url] = /The site is at (\S+)\n/.exec(written.stdout) ?? [];
    if (url !== undefined) ready.resolve(url);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    written.stderr += text;
  });
  const url = await Promise.race([ready.promise, exited.then(() => undefined)]);
  return {
    pid: child.pid ?? 0,
    url,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    kill: (signal) => void child.kill(signal),
    exited,
  };
}

/** Running child processes of a process. */
function childrenOf(parent: number): number[] {
  return execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : []));
}

/** Running descendants of a process. */
function descendantsOf(parent: number): number[] {
  return childrenOf(parent).flatMap((pid) => [pid, ...descendantsOf(pid)]);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("--help prints the help, and starts nothing", async () => {
  const command = await start("--help");
  expect(await command.exited).toEqual({ code: 0, signal: null });
  expect(command.stdout()).toMatch(/^Usage: npm start/);
  for (const option of [
    "--port",
    "--instances",
    "--regions",
    "--session-type",
    "--no-watch",
    "--help",
  ]) {
    expect(command.stdout()).toContain(option);
  }
  expect(command.stderr()).toBe("");
});

test("all invalid options are reported at once, with status 2", async () => {
  const command = await start("--port", "http", "--instances", "0", "--session-type", "redis");
  expect(await command.exited).toEqual({ code: 2, signal: null });
  const [port, instances, type, ...rest] = command.stderr().split("\n");
  expect(port).toMatch(/^--port takes/);
  expect(instances).toMatch(/^--instances takes/);
  expect(type).toMatch(/^--session-type takes/);
  expect(rest).toEqual(["See npm start -- --help.", ""]);
  expect(command.stdout()).toBe("");
});

test("a taken port is reported in one line with a remedy and status 1, and nothing is left running", async () => {
  await using other = await serve(() => undefined);
  const port = Number(new URL(other.url).port);
  const command = await start("--port", String(port));
  expect(await command.exited).toEqual({ code: 1, signal: null });
  const [, named = ""] =
    /^Port (\d+) is taken\. This command needs it and two more\. End what uses it, or use any free ports: npm start -- --port 0\n$/.exec(
      command.stderr(),
    ) ?? [];
  // The next two ports may be taken by other programs too.
  expect([port, port + 1, port + 2]).toContain(Number(named));
  expect(command.stdout()).not.toContain("The site is at");
});

test("it prints one URL, serves it from several instances, and Ctrl-C ends everything", async () => {
  const command = await start("--port", "0", "--no-watch");
  const { url = "", pid } = command;
  expect(command.stdout().match(/http:\/\/localhost:\d+/g)).toEqual([url]);
  expect(command.stdout()).toContain("3 instances, ready after");
  expect(command.stdout()).not.toContain("sign in again");
  // Each instance has one name in the whole output.
  expect(command.stdout()).not.toMatch(/pid \d/);
  expect(command.stdout()).toMatch(
    /npm run rotate -- --secret projects\/\S+ --endpoint http:\/\/127\.0\.0\.1:\d+\n/,
  );

  const visitor = await signIn(url, ada);
  const loaded = await askMany(visitor);
  expect(new Set(loaded.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(loaded.map(({ instance }) => instance)).size).toBeGreaterThan(1);

  const children = childrenOf(pid);
  expect(children.length).toBeGreaterThanOrEqual(3);
  command.kill("SIGINT");
  expect(await command.exited).toEqual({ code: 0, signal: null });
  // The compiler ends when it notices that its parent is gone.
  while (children.some(isRunning)) await delay(5);
  expect(readdirSync(keptFile(".")).filter((name) => name.startsWith(`run-${pid}-`))).toEqual([]);
  await expect(fetch(url)).rejects.toThrow();
  expect(command.stderr()).toBe("");
  // The output of requests contains no credential.
  expect(command.stdout()).toContain("/login/callback");
  expect(command.stdout()).not.toMatch(/code=|state=|token=|ada@example/);
});

test("npm start demonstrates the fault of sessions in files, and ending npm ends the run", async () => {
  const command = await run(
    [
      ...["start", "--", "--port=0", "--instances=2", "--no-watch"],
      ...["--session-type", "filesystem"],
    ],
    {},
    "npm",
  );
  const { url = "", pid } = command;
  expect(command.stdout()).toContain("expect to be asked to sign in again and again");
  expect(command.stdout()).toContain(`npm run verify -- ${url}\n`);
  const visitor = await signIn(url, ada);
  await untilSaved(visitor);
  const loaded = await askMany(visitor);
  expect(new Set(loaded.map(({ status, code }) => `${status} ${code}`))).toEqual(
    new Set(["200 undefined", "401 session_expired"]),
  );

  const started = descendantsOf(pid);
  // The shell of npm, the run and its instances.
  expect(started.length).toBeGreaterThanOrEqual(4);
  command.kill("SIGTERM");
  await command.exited;
  while (started.some(isRunning)) await delay(5);
  await expect(fetch(url)).rejects.toThrow();
  expect(command.stdout()).toMatch(/401.*expired/);
});

/** Skipped without a program that makes terminals; the keys have tests of their own. */
const inTerminal = hasTerminals ? test : test.skip;

/** Runs it in a terminal, does something there, and ends it with q. Nothing may be left running. */
async function inItsTerminal(
  args: readonly string[],
  work: (terminal: ReturnType<typeof runInTerminal>) => Promise<void>,
): Promise<void> {
  const command = [process.execPath, MAIN, "--port", "0", "--no-watch", ...args];
  const terminal = runInTerminal(command);
  try {
    await terminal.until("The site is at http://localhost:");
    await terminal.until("Type a, then Enter");
    await work(terminal);
    const started = descendantsOf(terminal.process.pid ?? 0);
    terminal.type("q");
    await terminal.until("ending");
    expect(await terminal.exited).toBe(0);
    while (started.some(isRunning)) await delay(5);
    expect(terminal.shown()).not.toContain("Error");
  } finally {
    for (const pid of descendantsOf(terminal.process.pid ?? 0)) process.kill(pid, "SIGKILL");
    await terminal.exited;
  }
}

inTerminal("in a terminal it adds, kills and ends at a key, and leaves nothing", () =>
  inItsTerminal(["--instances", "1"], async (terminal) => {
    terminal.type("a");
    await terminal.until(/instance \w+ is ready/);
    terminal.type("k");
    await terminal.until(/instance \w+ was killed; 1 left/);
    terminal.type("?");
    await terminal.until("Type a, then Enter");
  }),
);

inTerminal("with several regions it takes one away and brings it back at its number", () =>
  inItsTerminal(["--regions", "2", "--instances", "1"], async (terminal) => {
    await terminal.until("1 for europe-west1, 2 for us-central1");
    terminal.type("1");
    await terminal.until("europe-west1 is taken away");
    await terminal.until("requests go to us-central1");
    terminal.type("1");
    await terminal.until("requests go to europe-west1");
    await terminal.until("europe-west1 is back");
    expect(terminal.shown()).toContain("2 regions with 1 instance each");
  }),
);

/** Node's `--import` option for a program. */
function before(program: string): readonly string[] {
  return ["--import", `data:text/javascript,${encodeURIComponent(program)}`];
}

/** Prints the process of each instance, and interrupts the command once there is one. */
const CTRL_C_AT_FIRST_INSTANCE = before(`
import processes from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
const { spawn } = processes;
processes.spawn = (...args) => {
  const child = spawn(...args);
  if (args[2]?.detached) {
    console.log("instance is process " + child.pid);
    process.kill(process.pid, "SIGINT");
  }
  return child;
};
syncBuiltinESMExports();
`);

test("Ctrl-C during the start leaves no process and no file", async () => {
  const temporary = mkdtempSync(join(tmpdir(), "phoenix-main-"));
  const args = [...CTRL_C_AT_FIRST_INSTANCE, MAIN, "--port", "0", "--instances", "4"];
  const command = await run(args, { TMPDIR: temporary });
  expect(await command.exited).toEqual({ code: 0, signal: null });
  const instances = [...command.stdout().matchAll(/instance is process (\d+)/g)].map(([, pid]) =>
    Number(pid),
  );
  expect(instances).toHaveLength(4);
  while (instances.some(isRunning)) await delay(5);
  expect(readdirSync(keptFile(".")).join()).not.toContain(`run-${command.pid}-`);
  rmdirSync(temporary);
  expect(command.url).toBeUndefined();
  expect(command.stderr()).toBe("");
});

/** Makes fs.watch fail, as on a machine that has no watches left. */
const NO_WATCHES = before(`
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
fs.watch = () => { throw Object.assign(new Error("no watches left"), { code: "ENOSPC" }); };
syncBuiltinESMExports();
`);

test("an error after the start ends the run with status 1, and nothing is left running", async () => {
  const command = await run([...NO_WATCHES, MAIN, "--port", "0", "--instances", "1"]);
  expect(await command.exited).toEqual({ code: 1, signal: null });
  expect(command.stderr()).toMatch(/^service can't be watched: .*ENOSPC.*--no-watch/);
  await expect(fetch(command.url ?? "")).rejects.toThrow("fetch failed");
});
