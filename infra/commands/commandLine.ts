import { parseArgs } from "node:util";
import { OperatorError } from "../../service/contract/errors.ts";
import type { Terminal } from "./ask.ts";

/** Invalid arguments. The message has one line per mistake. */
export class UsageError extends OperatorError {
  constructor(message: string) {
    super("USAGE", message);
  }
}

/**
 * `text` takes a value. `flag` is false unless given. `switch` is true unless `--no-NAME` is given.
 */
type OptionKind = "text" | "flag" | "switch";

type Options = Readonly<Record<string, OptionKind>>;

interface CommandLine<Given extends Options> {
  readonly values: {
    readonly [Name in keyof Given]: Given[Name] extends "text" ? string | undefined : boolean;
  };
  /** Arguments that are not options. */
  readonly positionals: readonly string[];
}

/**
 * Parses a command line with `util.parseArgs`. `-h` or `--help` anywhere before `--` returns
 * "help", even if other arguments are invalid.
 *
 * @param args - the arguments, without the program
 * @param options - all options but help, by name without dashes
 * @param allow - whether the command takes positional arguments
 * @throws UsageError with all mistakes; it repeats no option's value, which may be secret
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
  // Not strict: parseArgs would throw at the first mistake, and repeat values.
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [...kinds].map(([name, kind]) => [name, { type: kind === "text" ? "string" : "boolean" }]),
    ),
    strict: false,
    tokens: true,
    allowNegative: true,
  });
  // parseArgs splits `-xSECRET` into one option per letter; only the first is reported.
  const given = tokens
    .filter((token) => token.kind === "option")
    .filter(({ index }, at, all) => all[at - 1]?.index !== index);
  const mistakes = new Set(given.flatMap((option) => mistakeIn(option, kinds) ?? []));
  // After an unknown option, a positional may be its value, and a secret.
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
  // parseArgs recognizes `--no-NAME` only without a value.
  const kind = kinds.get(negated ? written.slice("--no-".length) : name);
  if (kind === undefined || (negated && kind !== "switch")) return `Unknown option ${written}.`;
  if (kind !== "text") return value === undefined ? undefined : `${written} takes no value.`;
  const missing = value === undefined || (!inlineValue && isOption(value));
  return missing ? `${written} needs a value.` : undefined;
}

/** A negative number is a value, which the command itself checks. */
function isOption(text: string): boolean {
  return /^-[^\d]/.test(text);
}

interface Command<Options, Deps> {
  /** As npm runs it, such as `rotate`. */
  readonly name: string;
  readonly help: string;
  /** @throws UsageError */
  readonly parse: (args: readonly string[]) => Options | "help";
  /** Whether all was done. @throws OperatorError */
  readonly run: (options: Options, deps: Deps) => Promise<boolean>;
}

/** Creates a command, which returns its exit status: 0 done, 1 not done, 2 invalid arguments. */
export function createCommand<Options, Deps extends Pick<Terminal, "print" | "tell">>({
  name,
  help,
  parse,
  run,
}: Command<Options, Deps>): (args: readonly string[], deps: Deps) => Promise<0 | 1 | 2> {
  return async (args, deps) => {
    try {
      const options = parse(args);
      if (options === "help") {
        deps.print(help);
        return 0;
      }
      return (await run(options, deps)) ? 0 : 1;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      deps.tell(error.message);
      if (!(error instanceof UsageError)) return 1;
      deps.tell(`See npm run ${name} -- --help.`);
      return 2;
    }
  };
}
