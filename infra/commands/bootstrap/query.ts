import { OperatorError } from "../../../service/contract/errors.ts";
import type { Environment } from "../../../service/contract/settings.ts";
import { asObject, isObject, type JsonObject, parseJson } from "../../../service/pure/json.ts";
import { printable } from "../../../service/pure/printable.ts";
import type { Ended, RunProgram } from "../runProgram.ts";
import type { Grants } from "./found.ts";
import { type Command, gcloud, gh } from "./item.ts";
import { toShell } from "./toShell.ts";

/** What looking things up takes. */
export interface ReadDeps {
  readonly env: Environment;
  readonly run: RunProgram;
  /** The file's text; undefined if there is none. */
  readonly readFile: (path: string) => string | undefined;
}

/** A command that was run to look something up, or to do a step, failed. */
export class CommandError extends OperatorError {
  /** What the command printed on standard error. */
  readonly said: string;

  constructor(command: Command, { status, stderr }: Ended) {
    // What a command says is somebody else's text.
    const said = printable(stderr, 1000) || `it ended with ${status}`;
    super("COMMAND_FAILED", `${toShell(command)}\nfailed: ${said}`);
    this.said = said;
  }
}

/** A command of gcloud's whose answer is read here. */
export function google(...args: string[]): Command {
  return gcloud(...args, "--format", "json");
}

export function github(path: string): Command {
  return gh("api", path);
}

/** The grants in a policy, but for conditional ones. */
export async function policy(deps: ReadDeps, command: Command): Promise<Grants> {
  const { bindings } = await object(deps, command);
  return new Set(
    objects(bindings)
      .filter(({ condition }) => condition === undefined)
      .flatMap(({ role, members }) =>
        (Array.isArray(members) ? members : []).map((member) => `${role} ${member}`),
      ),
  );
}

export async function object({ run }: ReadDeps, command: Command): Promise<JsonObject> {
  return parsed(command, await run(command.program, command.args));
}

export async function list({ run }: ReadDeps, command: Command): Promise<readonly JsonObject[]> {
  return array(command, await run(command.program, command.args));
}

/** @throws CommandError */
export function parsed(command: Command, ended: Ended): JsonObject {
  const value = ended.status === 0 ? asObject(parseJson(ended.stdout)) : undefined;
  if (value === undefined) throw new CommandError(command, ended);
  return value;
}

/** @throws CommandError */
export function array(command: Command, ended: Ended): readonly JsonObject[] {
  const value = ended.status === 0 ? parseJson(ended.stdout) : undefined;
  if (!Array.isArray(value)) throw new CommandError(command, ended);
  return objects(value);
}

export function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The one whose name, or its last part, is that. */
export function named(all: readonly JsonObject[], name: string): JsonObject | undefined {
  return all.find((one) => lastPart(one.name) === name);
}

export function lastPart(name: unknown): string {
  return String(name).split("/").at(-1) ?? "";
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
