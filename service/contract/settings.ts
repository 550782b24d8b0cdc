import { ConfigError, type Problem } from "./errors.ts";

/**
 * Environment variables as the process has them. One that is empty counts as unset, but for those
 * that can only be one of a few words.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting's value, or what is wrong with it. */
export type Parsed<Value> = { readonly value: Value } | { readonly problems: readonly Problem[] };

/** Yields a setting's value. If there is none, what it yields is never seen: see `readAll`. */
export type Take = <Value>(parsed: Parsed<Value>) => Value;

/**
 * What `read` makes of the settings that it takes.
 * @throws ConfigError with the problems of all of them, if there are any.
 */
export function readAll<Config>(read: (take: Take) => Config): Config {
  const problems: Problem[] = [];
  function take<Value>(parsed: Parsed<Value>): Value {
    if ("value" in parsed) return parsed.value;
    problems.push(...parsed.problems);
    return undefined as Value;
  }
  const config = read(take);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The variable's value, or undefined if it is unset or empty. */
export function optional(env: Environment, name: string): string | undefined {
  return env[name] || undefined;
}

export interface WholeNumber {
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
}

/** A whole number within bounds; `fallback` if the variable is unset. */
export function wholeNumber(
  env: Environment,
  name: string,
  { unit, min, max, fallback }: WholeNumber,
): Parsed<number> {
  const text = optional(env, name);
  if (text === undefined) return { value: fallback };
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return { value };
  return problem(
    name,
    "is not a whole number within its bounds",
    `Set it to ${unit} from ${min} to ${max}, or leave it out for ${fallback}`,
  );
}

/** One of a few words; `fallback` if the variable is unset. */
export function oneOf<Word extends string>(
  env: Environment,
  name: string,
  words: readonly Word[],
  fallback: Word,
): Parsed<Word> {
  const text = optional(env, name);
  if (text === undefined) return { value: fallback };
  const value = words.find((word) => word === text);
  if (value !== undefined) return { value };
  return problem(
    name,
    `is ${JSON.stringify(text)}, which it can't be`,
    `Set it to one of ${words.join(", ")}`,
  );
}

/** The port to listen on, which Cloud Run sets: https://cloud.google.com/run/docs/container-contract */
export function parsePort(env: Environment): Parsed<number> {
  return wholeNumber(env, "PORT", { unit: "a port", min: 0, max: 65_535, fallback: 8080 });
}

/** A single problem, as the result of parsing. */
export function problem(
  setting: string,
  cause: string,
  remedy: string,
): { readonly problems: readonly Problem[] } {
  return { problems: [{ setting, cause, remedy }] };
}
