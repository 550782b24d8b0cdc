import { spawn } from "node:child_process";

/** How a program ended and what it printed. */
export interface Ended {
  /** Its exit status; 127 if there is no such program, as a shell has it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with more variables in its environment. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<Ended>;

/** Runs a program without a terminal: it finds nobody to ask. */
export const runProgram: RunProgram = (program, args, env = {}) => {
  // gcloud, gh and npx can be scripts there, which need a shell.
  const windows = process.platform === "win32";
  const child = spawn(program, windows ? args.map(quoteForWindows) : args, {
    env: { ...process.env, ...env },
    shell: windows,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk) => stdout.push(chunk));
  child.stderr.on("data", (chunk) => stderr.push(chunk));
  const ended = (status: number): Ended => ({
    status,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  });
  return new Promise((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? resolve(ended(127)) : reject(error),
    );
    // A signal has no status; 1 is a failure like any other.
    child.on("close", (status) => resolve(ended(status ?? 1)));
  });
};

function quoteForWindows(arg: string): string {
  return /^[\w:/@.=-]+$/.test(arg) ? arg : `"${arg}"`;
}
