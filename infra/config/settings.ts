import type { Problem } from "../configError.ts";

/**
 * The problems that were found in one configuration. Readers return a usable value even where they
 * find one, so that a single pass reports all of them; whoever asks checks `problems` at the end.
 */
export class Settings {
  readonly problems: Problem[] = [];
  readonly #values: Readonly<Record<string, string>>;
  readonly #read = new Set<string>();

  constructor(values: Readonly<Record<string, string>>) {
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

  /** Reports what is set and was never read: a name that is misspelt, or of an earlier version. */
  reportUnread(prefix: string): void {
    for (const name of Object.keys(this.#values)) {
      if (name.startsWith(prefix) && !this.#read.has(name)) {
        this.report(name, "is no setting of this program", `Run \`npx pulumi config rm ${name}\``);
      }
    }
  }

  boolean(setting: string): boolean {
    const value = this.text(setting);
    if (value !== "true" && value !== "false") {
      this.report(setting, `is ${shown(value)}, not true or false`, setTo(setting, "true"));
    }
    return value === "true";
  }

  /** A whole number from `least` to `most`. */
  integer(setting: string, least: number, most: number): number {
    const value = this.text(setting);
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= least && number <= most)) {
      this.report(
        setting,
        `is ${shown(value)}, not a whole number from ${least} to ${most}`,
        setTo(setting, String(least)),
      );
      return least;
    }
    return number;
  }

  oneOf<Choice extends string>(setting: string, choices: readonly [Choice, ...Choice[]]): Choice {
    const value = this.text(setting);
    const choice = choices.find((each) => each === value);
    if (choice === undefined) {
      this.report(
        setting,
        `is ${shown(value)}, not one of ${choices.join(", ")}`,
        setTo(setting, choices[0]),
      );
    }
    return choice ?? choices[0];
  }

  /** Entries between commas, without surrounding space and without empty ones. */
  list(setting: string): string[] {
    return this.text(setting)
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "");
  }

  /** `KEY=VALUE` entries; what follows the last `=` of an entry is its value. */
  pairs(setting: string, example: string): [key: string, value: string][] {
    return this.list(setting).flatMap((entry): [string, string][] => {
      const at = entry.lastIndexOf("=");
      if (at < 1) {
        this.report(
          setting,
          `has the entry ${shown(entry)}, which is not KEY=VALUE`,
          setTo(setting, example),
        );
        return [];
      }
      return [[entry.slice(0, at).trim(), entry.slice(at + 1).trim()]];
    });
  }
}

/** A remedy: the command that sets the setting. */
export function setTo(setting: string, value: string): string {
  return `Run \`npx pulumi config set ${setting} ${/^[\w.:@/=,-]+$/.test(value) ? value : `'${value}'`}\``;
}

/** A value as messages show it: quoted, and no longer than a line. */
export function shown(value: string): string {
  return value === ""
    ? "not set"
    : JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
