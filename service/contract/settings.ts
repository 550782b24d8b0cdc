import {
  type WholeNumber as Bounds,
  type Check,
  type Deployment,
  type Fault,
  wholeNumber as isWholeNumber,
  type Mend,
} from "./checks.ts";
import { ConfigError, type Problem } from "./errors.ts";

/**
 * Environment variables as the process has them. One that is empty counts as unset, but for those
 * that can only be one of a few words.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting's value, or what is wrong with it. */
export type Parsed<Value> = { readonly value: Value } | { readonly problems: readonly Problem[] };

/** Yields a setting's value. If there is none, what it yields is never seen: see `collect`. */
export type Collect = <Value>(parsed: Parsed<Value>) => Value;

/** What `read` makes of the settings that it collects, or the problems of all of them. */
export function collect<Config>(read: (collected: Collect) => Config): Parsed<Config> {
  const problems: Problem[] = [];
  const value = read(<Value>(parsed: Parsed<Value>): Value => {
    if ("value" in parsed) return parsed.value;
    problems.push(...parsed.problems);
    return undefined as Value;
  });
  return problems.length > 0 ? { problems } : { value };
}

/**
 * What `read` makes of the settings that it collects.
 * @throws ConfigError with the problems of all of them, if there are any.
 */
export function readAll<Config>(read: (collected: Collect) => Config): Config {
  const parsed = collect(read);
  if ("problems" in parsed) throw new ConfigError(parsed.problems);
  return parsed.value;
}

/** The variable's value, or undefined if it is unset or empty. */
export function optional(env: Environment, name: string): string | undefined {
  return env[name] || undefined;
}

const LOCAL: Deployment = { cloudRun: false, environment: "local" };

/** The variable's value as the check reads it; `fallback` if it is unset. */
export function parse<Value>(
  env: Environment,
  name: string,
  check: Check<Value>,
  { fallback, deployment = LOCAL, stackSetting }: ParseOptions<Value>,
): Parsed<Value> {
  const text = optional(env, name);
  if (text === undefined) return { value: fallback };
  const checked = check(text, deployment);
  if ("value" in checked) return checked;
  const { cause, mend } = checked.fault;
  const command =
    deployment.cloudRun && stackSetting !== undefined && mend !== "default" && "value" in mend
      ? `: npx pulumi config set --stack ${deployment.environment ?? "STACK"} ${stackSetting} ${mend.value}`
      : "";
  return problem(name, cause, wording(mend) + command);
}

export interface ParseOptions<Value> {
  readonly fallback: Value;
  /** Default: a developer's machine. */
  readonly deployment?: Deployment;
  /** Name of the stack's setting that fills the variable, for the command that mends it. */
  readonly stackSetting?: string;
}

/** A fault of a variable, worded for whoever sets the environment. */
export function faulty(name: string, { cause, mend }: Fault) {
  return problem(name, cause, wording(mend));
}

function wording(mend: Mend): string {
  if (mend === "default") return "Set it to one of these, or leave it out for its default";
  if ("value" in mend) return `Set it to ${mend.value}`;
  return `Set it to ${mend.placeholder}, such as ${mend.example}`;
}

export interface WholeNumber extends Bounds {
  readonly fallback: number;
}

/** A whole number within bounds; `fallback` if the variable is unset. */
export function wholeNumber(env: Environment, name: string, bounds: WholeNumber): Parsed<number> {
  return parse(env, name, isWholeNumber(bounds), bounds);
}

/** The port to listen on, which Cloud Run sets: https://cloud.google.com/run/docs/container-contract */
export function parsePort(env: Environment): Parsed<number> {
  return wholeNumber(env, "PORT", { min: 0, max: 65_535, fallback: 8080 });
}

/** A single problem, as the result of parsing. */
export function problem(
  setting: string,
  cause: string,
  remedy: string,
): { readonly problems: readonly Problem[] } {
  return { problems: [{ setting, cause, remedy }] };
}
