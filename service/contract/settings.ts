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
 * Environment variables, as in `process.env`. An empty one counts as unset, except for
 * SESSION_TYPE and SESSION_COOKIE_SECURE, where it is an error.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting's value, or what is wrong with it. */
export type Parsed<Value> = { readonly value: Value } | { readonly problems: readonly Problem[] };

/** Returns a setting's value, or records its problems; see `collect`. */
type Collect = <Value>(parsed: Parsed<Value>) => Value;

/**
 * Reads several settings and reports all of their problems at once. `read` gets undefined for an
 * invalid setting, but then its result is discarded.
 *
 * @example
 * const parsed = collect((collected) => ({
 *   port: collected(parsePort(env)),
 *   logLevel: collected(readSetting(env, "logLevel")),
 * }));
 */
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
 * Reads several settings; see `collect`.
 * @throws ConfigError with the problems of all of them.
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

/** The variable's value as parsed by a check; `fallback` if it is unset or empty. */
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

interface ParseOptions<Value> {
  readonly fallback: Value;
  /** Default: a developer's machine. */
  readonly deployment?: Deployment;
  /** Name of the stack setting behind the variable, for the command in the remedy. */
  readonly stackSetting?: string;
}

/** A fault as a problem of an environment variable. */
export function faulty(name: string, { cause, mend }: Fault) {
  return problem(name, cause, wording(mend));
}

function wording(mend: Mend): string {
  if (mend === "default") return "Set it to one of these, or leave it out for its default";
  if ("value" in mend) return `Set it to ${mend.value}`;
  return `Set it to ${mend.placeholder}, such as ${mend.example}`;
}

interface WholeNumber extends Bounds {
  readonly fallback: number;
}

/** A whole number within bounds; `fallback` if the variable is unset or empty. */
export function wholeNumber(env: Environment, name: string, bounds: WholeNumber): Parsed<number> {
  return parse(env, name, isWholeNumber(bounds), bounds);
}

/**
 * The port to listen on, which Cloud Run sets: https://cloud.google.com/run/docs/container-contract
 */
export function parsePort(env: Environment): Parsed<number> {
  return wholeNumber(env, "PORT", { min: 0, max: 65_535, fallback: 8080 });
}

/** The result of parsing a variable that has one problem. */
export function problem(
  setting: string,
  cause: string,
  remedy: string,
): { readonly problems: readonly Problem[] } {
  return { problems: [{ setting, cause, remedy }] };
}
