import type { Grants } from "./found.ts";

/** A command as it can also be typed by hand. Nothing in it is secret. */
export interface Command {
  readonly program: "gcloud" | "gh" | "npx";
  readonly args: readonly string[];
  /** Whether it counts as done if what it makes exists already: Google's lists lag behind. */
  readonly mayExist?: boolean;
}

/** One part of the setup. */
export interface Item {
  readonly what: string;
  readonly outcome: "found" | "make" | "change";
  /** In their order; empty if all is as it should be. */
  readonly commands: readonly Command[];
  /** A permission in the project that the commands need and that roles/owner has. */
  readonly permission?: string;
}

/** Stands in a command for the number of a project that does not exist yet. */
export const LATER_NUMBER = "$PROJECT_NUMBER";

/** A role, and who is to have it. */
export type Grant = readonly [role: string, member: string];

/** An item of which there is either nothing or all. */
export function made(
  what: string,
  isThere: boolean,
  commands: readonly Command[],
  permission?: string,
): Item {
  return toItem(what, isThere ? "found" : "make", commands, permission);
}

/** An item that has a value. */
export function valued(
  what: string,
  present: string | undefined,
  wanted: string,
  command: Command,
): Item {
  const outcome = present === undefined ? "make" : present === wanted ? "found" : "change";
  return toItem(what, outcome, [command]);
}

/** An item that needs these commands: none if all is as it should be. */
export function changed(
  what: string,
  isThere: boolean,
  commands: readonly Command[],
  permission?: string,
): Item {
  const outcome = commands.length === 0 ? "found" : isThere ? "change" : "make";
  return toItem(what, outcome, commands, permission);
}

/**
 * Grants on one resource.
 *
 * @param add Arguments of the gcloud command that adds bindings to the resource's policy.
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
