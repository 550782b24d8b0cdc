import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "../local/atExit.ts";
import { signIn } from "../support/signIn.ts";
import { changedFiles, copyRepository, follow, readInstructions } from "./repository.ts";

/**
 * `npm run test:adoption`: replaces the sample application in a copy of the repository, as
 * README.md says, and runs every command there. Exits with status 1 at the first command that
 * fails.
 */

/** Most files besides the application's own that the instructions may change. */
const MOST_CHANGED = 2;

/** Milliseconds that `npm start` may take to print its address. */
const START_TIMEOUT = 60_000;

const folder = mkdtempSync(join(tmpdir(), "phoenix-adoption-"));
const copy = join(folder, "repository");
const children = new Set<ChildProcess>();
atExit(() => {
  for (const { pid } of children) if (pid !== undefined) process.kill(-pid, "SIGTERM");
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
let site: Site | undefined;
try {
  copyRepository(copy);
  follow(readInstructions(), copy);
  const changed = changedFiles(copy);
  say(`changed besides: ${changed.join(", ")}`);
  if (changed.length > MOST_CHANGED) throw new Error(`More than ${MOST_CHANGED} files changed.`);
  await run("lint");
  await run("test");
  await run("bundle");
  site = await start();
  await use(site.url);
  await run("verify", site.url);
} finally {
  await site?.end();
}

/** Runs an npm script in the copy, and prints its output if it fails. */
async function run(script: string, ...args: string[]): Promise<void> {
  const began = performance.now();
  const child = npm(script, ...args);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise((resolve) => child.once("close", resolve));
  say(`npm run ${script}: ${code === 0 ? "ok" : "failed"}, ${seconds(began)}`);
  if (code === 0) return;
  process.stdout.write(output);
  throw new Error(`npm run ${script} ended with ${code} in the copy.`);
}

/** A running `npm start`. */
interface Site {
  readonly url: string;
  /** Sends SIGINT to the process group, as Ctrl-C does in a terminal. */
  end(): Promise<void>;
}

async function start(): Promise<Site> {
  const began = performance.now();
  const child = npm("start", "--port", "0", "--no-watch");
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
      reject(new Error(`npm start is not ready:\n${output}`));
    }, START_TIMEOUT);
    const end = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const [, address] = /The site is at (\S+)/.exec(output) ?? [];
        if (address !== undefined) end(() => resolve(address));
      });
    }
    child.once("close", () => end(() => reject(new Error(`npm start ended:\n${output}`))));
  });
  say(`npm start: ${url}, ${seconds(began)}`);
  return {
    url,
    async end() {
      const closed = new Promise((resolve) => child.once("close", resolve));
      if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
      await closed;
    },
  };
}

/** Signs in, saves a note by form and API, and reads it from page and API. */
async function use(url: string): Promise<void> {
  const visitor = await signIn(url);
  const landing = await visitor.follow("/");
  const home = await landing.response.text();
  expectThat("/ leads to /notes", landing.url.pathname === "/notes");
  expectThat("/notes has a form", home.includes('<textarea id="note"'));
  const token = await visitor.csrfToken();
  const saved = await visitor.fetch("/api/note", {
    method: "PUT",
    headers: { "content-type": "application/json", "x-csrf-token": token },
    body: JSON.stringify({ note: "milk" }),
  });
  expectThat("PUT /api/note answers 200", saved.status === 200);
  const page = await (await visitor.fetch("/notes")).text();
  expectThat("the page shows what was put", page.includes(">milk</textarea>"));
  const body = new URLSearchParams({ note: "eggs & more", _csrf: token });
  const sent = await visitor.fetch("/notes", { method: "POST", body });
  expectThat("the form leads back to the page", sent.headers.get("location") === "/notes");
  const read = (await (await visitor.fetch("/api/note")).json()) as { note: string };
  expectThat("GET /api/note answers what the form sent", read.note === "eggs & more");
  const stranger = await fetch(`${url}/api/note`);
  expectThat("a stranger is refused", stranger.status === 401);
}

function expectThat(what: string, holds: boolean): void {
  if (!holds) throw new Error(`It is not so that ${what}.`);
}

function npm(script: string, ...args: string[]): ChildProcess {
  const child = spawn("npm", ["run", script, "--", ...args], {
    cwd: copy,
    stdio: ["ignore", "pipe", "pipe"],
    // Its own process group, so that a signal reaches npm and all its children.
    detached: true,
    env: { ...process.env, NO_COLOR: "1" },
  });
  children.add(child);
  child.once("close", () => children.delete(child));
  return child;
}

function say(what: string): void {
  process.stdout.write(`adoption: ${what}\n`);
}

function seconds(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}
