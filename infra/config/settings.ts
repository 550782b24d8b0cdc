import {
  type Check,
  type Deployment,
  type Fault,
  flag,
  listOf,
  oneOf,
  wholeNumber,
} from "../../service/contract/checks.ts";
import type { Problem } from "../../service/contract/errors.ts";
import { shown } from "../../service/pure/printable.ts";
import { nearest } from "./nearest.ts";

/** Namespaces of settings that the Google provider and Pulumi read. */
const FOREIGN = ["gcp", "pulumi"];

interface SettingsArgs {
  /** Name of the Pulumi project: the namespace of its settings. */
  readonly product: string;
  readonly deployment: Deployment & { readonly environment: string };
  /** Full names (`gcp:project`, `phoenix:maxInstances`) and values as text. */
  readonly values: Readonly<Record<string, string>>;
}

/**
 * The configuration of one stack, and the problems found in it. A reader that finds a problem
 * reports it and still returns a value, so that one pass finds all problems; the caller checks
 * `problems` at the end. An invalid number is read as NaN, which fails every comparison, so that
 * later checks report nothing more about it.
 *
 * Own settings go by their short names (`maxInstances`), other programs' by their full names
 * (`gcp:project`). A remedy is a command to copy. Where only the operator knows the value, the
 * command has a placeholder in capitals, which the check refuses.
 */
export class Settings {
  readonly problems: Problem[] = [];
  /** Sentences that inform the operator and report no problem. */
  readonly notes: string[] = [];
  readonly deployment: SettingsArgs["deployment"];
  readonly #stack: string;
  readonly #product: string;
  readonly #values: Readonly<Record<string, string>>;
  readonly #read = new Set<string>();

  constructor({ product, deployment, values }: SettingsArgs) {
    this.deployment = deployment;
    this.#stack = deployment.environment;
    this.#product = product;
    this.#values = values;
  }

  /** The full name of a setting, for messages and commands. */
  nameOf(setting: string): string {
    return setting.includes(":") ? setting : `${this.#product}:${setting}`;
  }

  report(setting: string, cause: string, remedy: string): void {
    this.problems.push({ setting: this.nameOf(setting), cause, remedy });
  }

  /** Reports a fault that a check found. `secret`: the remedy's command asks for the value. */
  fault(setting: string, { cause, mend }: Fault, secret?: boolean): void {
    if (secret) this.report(setting, cause, this.setSecret(setting));
    else if (mend === "default") this.report(setting, cause, this.toDefault(setting));
    else if ("value" in mend) this.report(setting, cause, this.setTo(setting, mend.value));
    else this.report(setting, cause, this.setLike(setting, mend.placeholder, mend.example));
  }

  /** The trimmed value; empty if it is not set. */
  text(setting: string): string {
    const name = this.nameOf(setting);
    this.#read.add(name);
    return (this.#values[name] ?? "").trim();
  }

  /** The parsed value; undefined if the check refuses it. */
  check<Value>(setting: string, check: Check<Value>, secret?: boolean): Value | undefined {
    const checked = check(this.text(setting), this.deployment);
    if ("value" in checked) return checked.value;
    this.fault(setting, checked.fault, secret);
    return undefined;
  }

  boolean(setting: string): boolean {
    return this.check(setting, flag) ?? false;
  }

  /** A whole number from `min` to `max`; NaN if the value is not one. */
  integer(setting: string, min: number, max: number): number {
    return this.check(setting, wholeNumber({ min, max })) ?? Number.NaN;
  }

  /** One of the choices; empty if the value is not one. */
  oneOf<Choice extends string>(setting: string, choices: readonly Choice[]): Choice | "" {
    return this.check(setting, oneOf(choices)) ?? "";
  }

  /** Comma-separated entries, trimmed, without empty ones. */
  list(setting: string): string[] {
    return listOf(this.text(setting));
  }

  /** Comma-separated `KEY=VALUE` entries, split at the last `=`. */
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

  note(sentence: string): void {
    this.notes.push(sentence);
  }

  /** A remedy: the command that sets the setting. */
  setTo(setting: string, value: string): string {
    return `Run \`npx pulumi config set --stack ${this.#stack} ${this.nameOf(setting)} ${value}\``;
  }

  /** A remedy: the command that asks for the setting's value and encrypts it. */
  setSecret(setting: string): string {
    return `Run \`npx pulumi config set --stack ${this.#stack} --secret ${this.nameOf(setting)}\``;
  }

  /** A remedy: the command with a placeholder, for a value that only the operator knows. */
  setLike(setting: string, placeholder: string, example: string): string {
    return `${this.setTo(setting, placeholder)}, such as ${example}`;
  }

  /** A remedy: the command that removes the setting from the stack's file. */
  remove(setting: string): string {
    return `Run \`npx pulumi config rm --stack ${this.#stack} ${this.nameOf(setting)}\``;
  }

  /** A remedy: the command that restores the default of Pulumi.yaml. */
  toDefault(setting: string): string {
    return `${this.remove(setting)} for its default, or set another value`;
  }

  /**
   * Reports settings that nothing has read: misspelt, removed from the program, or under the prefix
   * that the Pulumi project had before it was renamed.
   */
  reportUnread(): void {
    const own = `${this.#product}:`;
    const known = [...this.#read]
      .filter((name) => name.startsWith(own))
      .map((name) => name.slice(own.length));
    for (const name of Object.keys(this.#values)) {
      const [namespace = "", setting = ""] = name.split(/:(.*)/s);
      if (this.#read.has(name) || FOREIGN.includes(namespace)) continue;
      const meant = nearest(setting, known);
      const remove = this.remove(name);
      if (meant === undefined) {
        this.report(name, "is no setting of this program", remove);
      } else {
        this.report(
          name,
          `is no setting of this program; ${own}${meant} is`,
          `${remove}, and set ${own}${meant} if that was meant`,
        );
      }
    }
  }
}
