import { writeFileSync } from "node:fs";
import { parseCommandLine as parse, UsageError } from "../../infra/commands/commandLine.ts";
import { allMet, describeGoals, type Goal, goalsToJson } from "./goals.ts";

/** Options of a command by name: a number is a default, null marks a text option. */
type Numbers<Name extends string> = Readonly<Record<Name, number>>;

export interface CommandLine<NumberName extends string, TextName extends string> {
  readonly numbers: Record<NumberName, number>;
  readonly texts: Record<TextName, string | undefined>;
  /** File for the figures. */
  readonly json: string | undefined;
  /** Whether a missed goal fails the command. */
  readonly goals: boolean;
  readonly help: boolean;
}

/**
 * @param args - the command line without the program
 * @param numbers - names of options that take a whole number from 1, with their defaults
 * @param texts - names of options that take a text
 * @throws UsageError
 */
export function parseCommandLine<NumberName extends string, TextName extends string = never>(
  args: readonly string[],
  numbers: Numbers<NumberName>,
  texts: readonly TextName[] = [],
): CommandLine<NumberName, TextName> {
  const names = [...Object.keys(numbers), ...texts, "json"];
  const given = parse(args, {
    ...Object.fromEntries(names.map((name) => [name, "text" as const])),
    goals: "switch",
  });
  const help = given === "help";
  const values: Readonly<Record<string, string | boolean | undefined>> = help ? {} : given.values;
  const mistakes: string[] = [];
  const entries = Object.entries<number>(numbers).map(([name, fallback]) => {
    const text = values[name];
    const value = text === undefined ? fallback : Number(text);
    if (!Number.isInteger(value) || value < 1) {
      mistakes.push(`--${name} ${text} can't be. Use a whole number from 1.`);
    }
    return [name, value];
  });
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return {
    numbers: Object.fromEntries(entries),
    texts: Object.fromEntries(texts.map((name) => [name, values[name]])) as Record<
      TextName,
      string | undefined
    >,
    json: text(values.json),
    goals: values.goals !== false,
    help,
  };
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Results of a command. */
export interface Findings {
  /** A table and notes. */
  readonly report: string;
  readonly goals: readonly Goal[];
  /** The figures for `--json`. */
  readonly figures: object;
}

/**
 * Runs a command: prints its report, writes `--json`, and sets the exit code: 1 for a missed goal,
 * 2 for invalid arguments.
 */
export async function run(
  usage: string,
  command: (args: readonly string[]) => Promise<(Findings & { options: Shown }) | undefined>,
): Promise<void> {
  try {
    const findings = await command(process.argv.slice(2));
    if (findings === undefined) {
      process.stdout.write(usage);
      return;
    }
    const { report, goals, figures, options } = findings;
    process.stdout.write(`\n${report}\nGoals\n${describeGoals(goals)}`);
    if (options.json !== undefined) {
      const content = { ...machine(), ...figures, goals: goalsToJson(goals) };
      writeFileSync(options.json, `${JSON.stringify(content, null, 2)}\n`);
    }
    process.exitCode = options.goals && !allMet(goals) ? 1 : 0;
  } catch (error) {
    const usageError = error instanceof UsageError;
    process.stderr.write(
      `${usageError ? `${error.message}\n${pointer(usage)}` : stackOf(error)}\n`,
    );
    process.exitCode = usageError ? 2 : 1;
  }
}

/** A hint at the help, with the command in the first line of the usage. */
function pointer(usage: string): string {
  const [, command] = /^Usage: (npm run \S+)/.exec(usage) ?? [];
  return `See ${command} -- --help.`;
}

type Shown = Pick<CommandLine<never, never>, "json" | "goals">;

function machine() {
  return { node: process.version, platform: `${process.platform}-${process.arch}` };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Shows progress: a line that the next one overwrites, and only on a terminal. */
export function progress(line: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}
