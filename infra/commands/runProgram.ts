import { spawn } from "node:child_process";

/** A program's exit status and output. */
export interface Ended {
  /** Exit status; 127 if the program is not found, as in a shell; 1 if a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. `env` is added to this process's environment. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<Ended>;

/** Runs a program without standard input, so that it can't prompt. */
export const runProgram: RunProgram = (program, args, env = {}) => {
  // On Windows gcloud, gh and npx can be scripts, which need a shell.
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
    child.on("close", (status) => resolve(ended(status ?? 1)));
  });
};

function quoteForWindows(arg: string): string {
  return /^[\w:/@.=-]+$/.test(arg) ? arg : `"${arg}"`;
}
