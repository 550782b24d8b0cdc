import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline/promises";
import { runRotateCommand } from "./command.ts";
import { runPulumi } from "./stackOutputs.ts";

/** Asks on the terminal; what is printed for programs to read stays clean. */
async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } catch {
    return false; // the input has ended: that is no consent
  } finally {
    terminal.close();
  }
}

process.exitCode = await runRotateCommand(process.argv.slice(2), {
  env: process.env,
  print: (text) => console.log(text),
  tell: (text) => console.error(text),
  ask: process.stdin.isTTY ? ask : undefined,
  runPulumi,
  clock: () => Date.now() / 1000,
  random: randomBytes,
});
