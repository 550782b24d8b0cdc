import type { Problem } from "./configError.ts";
import { nearest } from "./nearest.ts";

/**
 * The problems that were found in the configuration of one stack. Readers return something even
 * where they find one, so that a single pass reports all of them; whoever asks checks `problems` at
 * the end. Nothing more is to be said of a value that makes no sense: NaN compares with nothing, and
 * what would be empty has to be left alone.
 *
 * A remedy is a command that can be copied. Where only whoever deploys knows the value, it has a
 * word in capitals in its place, which would be refused again.
 */
export class Settings {
  readonly problems: Problem[] = [];
  /** What whoever deploys should know though nothing is wrong, in sentences. */
  readonly notes: string[] = [];
  readonly #stack: string;
  readonly #values: Readonly<Record<string, string>>;
  readonly #read = new Set<string>();

  constructor(stack: string, values: Readonly<Record<string, string>>) {
    this.#stack = stack;
    this.#values = values;
  }

  report(setting: string, cause: string, remedy: string): void {
    this.problems.push({ setting, cause, remedy });
  }

  /** The value without surrounding space; empty if it is not set. */
  text(setting: string): string {
    this.#read.add(setting);
    return (this.#values[setting] ?? "").trim();
  }

  note(sentence: string): void {
    this.notes.push(sentence);
  }

  /** A remedy: the command that sets the setting. */
  setTo(setting: string, value: string): string {
    return `Run \`npx pulumi config set --stack ${this.#stack} ${setting} ${value}\``;
  }

  /** A remedy: the command that asks for the setting's value and encrypts it. */
  setSecret(setting: string): string {
    return `Run \`npx pulumi config set --stack ${this.#stack} --secret ${setting}\``;
  }

  /** A remedy: how to set the setting to what only whoever deploys knows. */
  setLike(setting: string, placeholder: string, example: string): string {
    return `${this.setTo(setting, placeholder)}, such as ${example}`;
  }

  /** A remedy: the command that takes the setting out of the stack's file. */
  remove(setting: string): string {
    return `Run \`npx pulumi config rm --stack ${this.#stack} ${setting}\``;
  }

  /** A remedy: the way back to the default of Pulumi.yaml. */
  toDefault(setting: string): string {
    return `${this.remove(setting)} for its default, or set another value`;
  }

  /** Reports what is set and was never read: a name that is misspelt, or of an earlier version. */
  reportUnread(prefix: string): void {
    const settings = [...this.#read].filter((name) => name.startsWith(prefix));
    for (const name of Object.keys(this.#values)) {
      if (!name.startsWith(prefix) || this.#read.has(name)) continue;
      const meant = nearest(
        name.slice(prefix.length),
        settings.map((each) => each.slice(prefix.length)),
      );
      if (meant === undefined) {
        this.report(name, "is no setting of this program", this.remove(name));
      } else {
        this.report(
          name,
          `is no setting of this program; ${prefix}${meant} is`,
          `${this.remove(name)}, and set ${prefix}${meant} if that was meant`,
        );
      }
    }
  }

  boolean(setting: string): boolean {
    const value = this.text(setting);
    if (value !== "true" && value !== "false") {
      this.report(setting, `is ${shown(value)}, not true or false`, this.setTo(setting, "true"));
    }
    return value === "true";
  }

  /** A whole number from `least` to `most`, of units such as seconds; NaN where there is none. */
  integer(setting: string, least: number, most: number, unit?: string): number {
    const value = this.text(setting);
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    this.report(
      setting,
      `is ${shown(value)}, not a whole number ${unit ? `of ${unit} ` : ""}from ${least} to ${most}`,
      Number.isNaN(number)
        ? this.toDefault(setting)
        : this.setTo(setting, String(number < least ? least : most)),
    );
    return Number.NaN;
  }

  /** One of the choices; empty where it is none of them. */
  oneOf<Choice extends string>(setting: string, choices: readonly Choice[]): Choice | "" {
    const value = this.text(setting);
    const choice = choices.find((each) => each === value);
    if (choice === undefined) {
      this.report(
        setting,
        `is ${shown(value)}, not one of ${choices.join(", ")}`,
        this.toDefault(setting),
      );
    }
    return choice ?? "";
  }

  /** Entries between commas, without surrounding space and without empty ones. */
  list(setting: string): string[] {
    return this.text(setting)
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "");
  }

  /** `KEY=VALUE` entries; what follows the last `=` of an entry is its value. */
  pairs(setting: string, remedy: string): [key: string, value: string][] {
    return this.list(setting).flatMap((entry): [string, string][] => {
      const at = entry.lastIndexOf("=");
      if (at < 1) {
        this.report(setting, `has the entry ${shown(entry)}, which is not KEY=VALUE`, remedy);
        return [];
      }
      return [[entry.slice(0, at).trim(), entry.slice(at + 1).trim()]];
    });
  }
}

/** A value as messages show it: quoted, and no longer than a line. */
export function shown(value: string): string {
  return value === ""
    ? "not set"
    : JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
