import { parseArgs } from "node:util";
import { OperatorError } from "../../service/contract/errors.ts";

/** The command was called in a way that it can't be; the message has a line for each mistake. */
export class UsageError extends OperatorError {
  constructor(message: string) {
    super("USAGE", message);
  }
}

/**
 * What an option is: `text` takes a value, `flag` is off unless it is given, `switch` is on unless
 * `--no-NAME` is given.
 */
export type OptionKind = "text" | "flag" | "switch";

type Options = Readonly<Record<string, OptionKind>>;

export interface CommandLine<Given extends Options> {
  readonly values: {
    readonly [Name in keyof Given]: Given[Name] extends "text" ? string | undefined : boolean;
  };
  /** Arguments that are no options. */
  readonly positionals: readonly string[];
}

/**
 * Parses a command line with `util.parseArgs`. `-h` or `--help` anywhere in it asks for help,
 * whatever else is wrong.
 *
 * @param args - the command line without the program
 * @param options - all but help, by their names without dashes
 * @param allow - whether the command takes arguments that are no options
 * @throws UsageError with every mistake there is, which repeats no option's value
 */
export function parseCommandLine<const Given extends Options>(
  args: readonly string[],
  options: Given,
  allow: { readonly positionals?: boolean } = {},
): CommandLine<Given> | "help" {
  const end = args.indexOf("--");
  const before = end === -1 ? args : args.slice(0, end);
  if (before.includes("-h") || before.includes("--help")) return "help";
  const kinds = new Map<string, OptionKind>([["help", "flag"], ...Object.entries(options)]);
  // Not strict: parseArgs would throw at the first mistake, and repeat values, which may be secret.
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [...kinds].map(([name, kind]) => [name, { type: kind === "text" ? "string" : "boolean" }]),
    ),
    strict: false,
    tokens: true,
    allowNegative: true,
  });
  // Of `-xSECRET`, which parseArgs takes for many options, only the first.
  const given = tokens
    .filter((token) => token.kind === "option")
    .filter(({ index }, at, all) => all[at - 1]?.index !== index);
  const mistakes = new Set(given.flatMap((option) => mistakeIn(option, kinds) ?? []));
  // What follows an unknown option may be its value, and a secret.
  if (!allow.positionals && given.every(({ name }) => kinds.has(name))) {
    for (const text of positionals) mistakes.add(`Unexpected argument ${text}.`);
  }
  if (mistakes.size > 0) throw new UsageError([...mistakes].join("\n"));
  const defaults = Object.entries(options).map(([name, kind]) => [
    name,
    kind === "text" ? undefined : kind === "switch",
  ]);
  const values = given.map(({ name, rawName, value }) => [
    name,
    value ?? !rawName.startsWith("--no-"),
  ]);
  return { values: Object.fromEntries([...defaults, ...values]), positionals };
}

/** An option as `util.parseArgs` found it. */
interface OptionToken {
  readonly name: string;
  /** As it was written, without its value. */
  readonly rawName: string;
  readonly value?: string | undefined;
  /** Whether the value followed a `=`. */
  readonly inlineValue?: boolean | undefined;
}

function mistakeIn(
  { name, rawName, value, inlineValue }: OptionToken,
  kinds: ReadonlyMap<string, OptionKind>,
): string | undefined {
  const [written = ""] = rawName.split("=");
  const negated = written.startsWith("--no-");
  // parseArgs negates every option, but only if it has no value.
  const kind = kinds.get(negated ? written.slice("--no-".length) : name);
  if (kind === undefined || (negated && kind !== "switch")) return `Unknown option ${written}.`;
  if (kind !== "text") return value === undefined ? undefined : `${written} takes no value.`;
  const missing = value === undefined || (!inlineValue && isOption(value));
  return missing ? `${written} needs a value.` : undefined;
}

/** A negative number is a value, about which its command has more to say. */
function isOption(text: string): boolean {
  return /^-[^\d]/.test(text);
}
