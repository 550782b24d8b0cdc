import { createInterface } from "node:readline/promises";

/** Asks a yes-or-no question. */
export type Ask = (question: string) => Promise<boolean>;

/** Asks on the terminal; undefined if nobody is there to answer. */
export const askOnTerminal: Ask | undefined = process.stdin.isTTY ? ask : undefined;

async function ask(question: string): Promise<boolean> {
  // What is printed for programs to read stays clean.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } catch {
    return false; // the input has ended: that is no consent
  } finally {
    terminal.close();
  }
}
