import { OperatorError } from "../../../service/contract/errors.ts";
import type { Environment } from "../../../service/contract/settings.ts";
import { asObject, isObject, type JsonObject, parseJson } from "../../../service/pure/json.ts";
import { printable } from "../../../service/pure/printable.ts";
import type { Ended, RunProgram } from "../runProgram.ts";
import type { Grants } from "./found.ts";
import { type Command, gcloud, gh } from "./item.ts";
import { toShell } from "./toShell.ts";

/** Dependencies of the functions that read the current state. */
export interface ReadDeps {
  readonly env: Environment;
  readonly run: RunProgram;
  /** The file's text; undefined if there is none. */
  readonly readFile: (path: string) => string | undefined;
}

/** A command of gcloud, gh or Pulumi failed. */
export class CommandError extends OperatorError {
  /** The command's standard error, or its exit status if that is empty. */
  readonly output: string;

  constructor(command: Command, { status, stderr }: Ended) {
    const output = printable(stderr, 1000) || `it ended with ${status}`;
    super("COMMAND_FAILED", `${toShell(command)}\nfailed: ${output}`);
    this.output = output;
  }
}

/** A gcloud command that prints JSON. */
export function gcloudJson(...args: string[]): Command {
  return gcloud(...args, "--format", "json");
}

export function ghApi(path: string): Command {
  return gh("api", path);
}

/** The unconditional grants in an IAM policy. */
export async function readGrants(deps: ReadDeps, command: Command): Promise<Grants> {
  const { bindings } = await readObject(deps, command);
  return new Set(
    objectsIn(bindings)
      .filter(({ condition }) => condition === undefined)
      .flatMap(({ role, members }) =>
        (Array.isArray(members) ? members : []).map((member) => `${role} ${member}`),
      ),
  );
}

export async function readObject({ run }: ReadDeps, command: Command): Promise<JsonObject> {
  return objectFrom(command, await run(command.program, command.args));
}

export async function readList(
  { run }: ReadDeps,
  command: Command,
): Promise<readonly JsonObject[]> {
  return listFrom(command, await run(command.program, command.args));
}

/** @throws CommandError */
export function objectFrom(command: Command, ended: Ended): JsonObject {
  const value = ended.status === 0 ? asObject(parseJson(ended.stdout)) : undefined;
  if (value === undefined) throw new CommandError(command, ended);
  return value;
}

/** @throws CommandError */
export function listFrom(command: Command, ended: Ended): readonly JsonObject[] {
  const value = ended.status === 0 ? parseJson(ended.stdout) : undefined;
  if (!Array.isArray(value)) throw new CommandError(command, ended);
  return objectsIn(value);
}

export function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Finds an object by its name, or by the last part of its resource name. */
export function findByName(all: readonly JsonObject[], name: string): JsonObject | undefined {
  return all.find((one) => lastPart(one.name) === name);
}

export function lastPart(name: unknown): string {
  return String(name).split("/").at(-1) ?? "";
}

export function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
