import type { Grants } from "./found.ts";

/** A command, which an operator can also run by hand. It contains no secret. */
export interface Command {
  readonly program: "gcloud" | "gh" | "npx";
  readonly args: readonly string[];
  /** Whether "already exists" counts as success, because Google's lists lag behind. */
  readonly mayExist?: boolean;
}

/** One part of the setup. */
export interface Item {
  readonly what: string;
  readonly outcome: "found" | "create" | "change";
  /** In order; empty for "found". */
  readonly commands: readonly Command[];
  /** The permission in the project that the commands need. The role Owner has it. */
  readonly permission?: string;
}

/** Placeholder in a command for the number of a project that does not exist yet. */
export const PROJECT_NUMBER = "$PROJECT_NUMBER";

/** A role, and the member that gets it. */
export type Grant = readonly [role: string, member: string];

/** An item that either exists as a whole or is created by the commands. */
export function created(
  what: string,
  exists: boolean,
  commands: readonly Command[],
  permission?: string,
): Item {
  return toItem(what, exists ? "found" : "create", commands, permission);
}

/** An item with a value, which the command sets. */
export function setTo(
  what: string,
  present: string | undefined,
  wanted: string,
  command: Command,
): Item {
  const outcome = present === undefined ? "create" : present === wanted ? "found" : "change";
  return toItem(what, outcome, [command]);
}

/** An item that the commands bring up to date; there are none if it is. */
export function changed(
  what: string,
  exists: boolean,
  commands: readonly Command[],
  permission?: string,
): Item {
  const outcome = commands.length === 0 ? "found" : exists ? "change" : "create";
  return toItem(what, outcome, commands, permission);
}

/**
 * Grants on one resource.
 *
 * @param add Arguments of the gcloud command that adds a binding to the resource's policy.
 */
export function granted(
  what: string,
  present: Grants | undefined,
  wanted: readonly Grant[],
  add: readonly string[],
  permission?: string,
): Item {
  const missing = wanted.filter(([role, member]) => !present?.has(`${role} ${member}`));
  const commands = missing.map(([role, member]) =>
    gcloud(...add, "--member", member, "--role", role),
  );
  return changed(what, missing.length < wanted.length, commands, permission);
}

/** An address as a member of an IAM policy. */
export function member(address: string): string {
  return address.endsWith(".gserviceaccount.com") ? `serviceAccount:${address}` : `user:${address}`;
}

export function gcloud(...args: string[]): Command {
  return { program: "gcloud", args };
}

export function gh(...args: string[]): Command {
  return { program: "gh", args };
}

export function pulumi(...args: string[]): Command {
  return { program: "npx", args: ["pulumi", ...args] };
}

function toItem(
  what: string,
  outcome: Item["outcome"],
  commands: readonly Command[],
  permission?: string,
): Item {
  if (outcome === "found") return { what, outcome, commands: [] };
  return { what, outcome, commands, ...(permission !== undefined && { permission }) };
}
