import { createInterface } from "node:readline/promises";
import { UsageError } from "./commandLine.ts";

/** Asks a yes-or-no question. */
export type Ask = (question: string) => Promise<boolean>;

interface Confirmation {
  /** Whether `--yes` was given, which answers the question. */
  readonly yes: boolean;
  /** Undefined if there is no terminal. */
  readonly ask: Ask | undefined;
  readonly tell: (text: string) => void;
  /** What is going to be done, if it is not on the screen yet. */
  readonly summary: string | undefined;
}

/**
 * Asks whether to make the changes that were described.
 * @throws UsageError if nobody can answer
 */
export async function confirm({ yes, ask, tell, summary }: Confirmation): Promise<boolean> {
  if (yes) return true;
  if (ask === undefined) {
    throw new UsageError(
      "There is no terminal to ask on. Add --yes to make the changes, or --dry-run to only show them.",
    );
  }
  if (summary !== undefined) tell(summary);
  const agreed = await ask("\nDo this? [y/N] ");
  if (!agreed) tell("Nothing was changed.");
  return agreed;
}

/** Asks on the terminal; undefined if standard input is not a terminal. */
export const askOnTerminal: Ask | undefined = process.stdin.isTTY ? ask : undefined;

async function ask(question: string): Promise<boolean> {
  // Standard output is for results.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } catch {
    return false; // end of input is not a yes
  } finally {
    terminal.close();
  }
}
