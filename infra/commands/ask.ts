import { createInterface } from "node:readline/promises";

/** Asks a yes-or-no question. */
export type Ask = (question: string) => Promise<boolean>;

/** Asks on the terminal; undefined if standard input is not a terminal. */
export const askOnTerminal: Ask | undefined = process.stdin.isTTY ? ask : undefined;

async function ask(question: string): Promise<boolean> {
  // Standard output is for what programs read.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } catch {
    return false; // end of input is not a yes
  } finally {
    terminal.close();
  }
}
