import { createInterface } from "node:readline/promises";
import { UsageError } from "./commandLine.ts";

/** Asks a yes-or-no question. */
type Ask = (question: string) => Promise<boolean>;

/** How a command talks to its operator. */
export interface Terminal {
  /** Prints results, to standard output. */
  readonly print: (text: string) => void;
  /** Prints errors, progress and prompts, to standard error. */
  readonly tell: (text: string) => void;
  /** Undefined if nobody can answer. */
  readonly ask: Ask | undefined;
}

interface Confirmation extends Pick<Terminal, "ask" | "tell"> {
  /** Whether `--yes` was given, which answers the question. */
  readonly yes: boolean;
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

/** This process's terminal. */
export const terminal: Terminal = {
  print: (text) => console.log(text),
  tell: (text) => console.error(text),
  ask: process.stdin.isTTY ? ask : undefined,
};

async function ask(question: string): Promise<boolean> {
  // Standard output is for results.
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } catch {
    return false; // end of input is not a yes
  } finally {
    lines.close();
  }
}
