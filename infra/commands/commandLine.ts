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
 * Takes a command line apart. `-h` or `--help` anywhere in it asks for help, whatever else is wrong.
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
  if (asksForHelp(args)) return "help";
  const values = new Map<string, string | boolean | undefined>(
    Object.entries(options).map(([name, kind]) => [
      name,
      kind === "text" ? undefined : kind === "switch",
    ]),
  );
  const positionals: string[] = [];
  const mistakes: string[] = [];
  let unknown = false;
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      positionals.push(...rest.splice(0));
    } else if (!isOption(arg)) {
      positionals.push(arg);
    } else {
      const { written, name, kind, inline } = readOption(arg, options);
      if (kind === undefined) {
        unknown = true;
        mistakes.push(`Unknown option ${written}.`);
      } else if (kind === "text") {
        const next = rest[0];
        const value = inline ?? (next === undefined || isOption(next) ? undefined : rest.shift());
        if (value === undefined) mistakes.push(`${written} needs a value.`);
        else values.set(name, value);
      } else if (inline === undefined) {
        values.set(name, !written.startsWith("--no-"));
      } else {
        mistakes.push(`${written} takes no value.`);
      }
    }
  }
  // What follows an unknown option may be its value, and a secret.
  if (!allow.positionals && !unknown) {
    mistakes.push(...positionals.map((text) => `Unexpected argument ${text}.`));
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return { values: Object.fromEntries(values) as CommandLine<Given>["values"], positionals };
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const options = end === -1 ? args : args.slice(0, end);
  return options.includes("-h") || options.includes("--help");
}

/** A negative number is a value, about which its command has more to say. */
function isOption(text: string): boolean {
  return /^-[^\d]/.test(text);
}

interface GivenOption {
  /** The option as it was given, without a value. */
  readonly written: string;
  readonly name: string;
  /** Undefined if there is no such option. */
  readonly kind: OptionKind | undefined;
  /** What follows a `=`. */
  readonly inline: string | undefined;
}

function readOption(text: string, options: Options): GivenOption {
  // Of a letter's option only the letter: a value may follow it at once.
  if (!text.startsWith("--")) {
    return { written: text.slice(0, 2), name: "", kind: undefined, inline: undefined };
  }
  const at = text.indexOf("=");
  const written = at === -1 ? text : text.slice(0, at);
  const inline = at === -1 ? undefined : text.slice(at + 1);
  const name = written.slice(2);
  const kind = kindOf(options, name);
  if (kind !== undefined) return { written, name, kind, inline };
  const positive = written.replace(/^--no-/, "");
  const negated = kindOf(options, positive) === "switch" ? "switch" : undefined;
  return { written, name: positive, kind: negated, inline };
}

function kindOf(options: Options, name: string): OptionKind | undefined {
  if (name === "help") return "flag";
  return Object.hasOwn(options, name) ? options[name] : undefined;
}
