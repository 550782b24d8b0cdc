import { type ChildProcess, execFileSync, spawn } from "node:child_process";

/** A program that runs in a pseudo-terminal. */
interface InTerminal {
  readonly process: ChildProcess;
  /** Output of the terminal, with the echo of the input. */
  shown(): string;
  /** Types a line. */
  type(line: string): void;
  /** Resolves when the output after the last match contains it; rejects if the program ends. */
  until(text: string | RegExp): Promise<void>;
  readonly exited: Promise<number | null>;
}

type Wrap = (command: readonly string[]) => readonly [string, ...string[]];

/** util-linux' `script`, as Linux has it; Python's `pty`, as macOS has it. */
const WRAPPERS: readonly { readonly found: () => boolean; readonly wrap: Wrap }[] = [
  {
    found: () => /util-linux/.test(output("script", "--version")),
    wrap: (command) => ["script", "-qec", command.map(quote).join(" "), "/dev/null"],
  },
  {
    found: () => output("python3", "-c", "import pty; print('pty')").includes("pty"),
    wrap: (command) => [
      "python3",
      "-c",
      "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
      ...command,
    ],
  },
];

const wrapper = WRAPPERS.find(({ found }) => found());

/** Whether this machine has a program that creates pseudo-terminals. */
export const hasTerminals = wrapper !== undefined;

/** Runs a program in a pseudo-terminal, where `isTTY` is true. */
export function runInTerminal(command: readonly string[]): InTerminal {
  if (wrapper === undefined) throw new Error("Install util-linux' script, or Python 3.");
  const [program, ...args] = wrapper.wrap(command);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  let shown = "";
  let seen = 0;
  let look = () => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    look();
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code));
  });
  return {
    process: child,
    shown: () => shown,
    type: (line) => void child.stdin.write(`${line}\n`),
    until(text) {
      const found = new Promise<void>((resolve) => {
        look = () => {
          const rest = shown.slice(seen);
          const match = typeof text === "string" ? rest.indexOf(text) : rest.search(text);
          if (match === -1) return;
          seen += match + 1;
          resolve();
        };
        look();
      });
      const ended = exited.then(() => {
        throw new Error(`It ended without showing ${text}, but:\n${shown}`);
      });
      return Promise.race([found, ended]);
    },
    exited,
  };
}

function output(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
