import { messageOf } from "../../../service/contract/errors.ts";
import {
  chooseSigner,
  isAccepted,
  type KeyVersion,
  retirable,
  signsFrom,
} from "../../../service/keys/keyRing.ts";
import { MAX_AGE_INTERVALS } from "../../../service/keys/limits.ts";
import {
  newVersionSignsFrom,
  type RotationPlan,
  type RotationPolicy,
  type RotationReason,
} from "../../../service/rotator/plan.ts";
import type { StepResult } from "../../../service/rotator/rotate.ts";
import { duration } from "../duration.ts";

/** What the command reports about a rotation. */
export interface RotationOverview {
  readonly versions: readonly KeyVersion[];
  readonly policy: RotationPolicy;
  /** Seconds between two refreshes of the key ring by one instance. */
  readonly refreshInterval: number;
  /** Unix time in seconds, by Secret Manager's clock. */
  readonly now: number;
  readonly reason: RotationReason;
  readonly plan: RotationPlan;
}

/** What a version that is not destroyed does in the ring. */
type Role = "signing" | "accepted" | "not yet active" | "retiring" | "disabled" | "being destroyed";

interface VersionRow {
  readonly version: number;
  /** Seconds since it was created. */
  readonly age: number;
  readonly state: KeyVersion["state"];
  readonly role: Role;
}

/** Seconds from the last step until no instance accepts a disabled key. */
export function refusedWithin({ refreshInterval }: RotationOverview): number {
  return MAX_AGE_INTERVALS * refreshInterval;
}

/** The versions that are not destroyed, the newest first. */
export function versionRows({ versions, policy, now }: RotationOverview): VersionRow[] {
  const signer = chooseSigner(versions.filter(isAccepted), policy, now);
  const retiring = retirable(versions, policy, now);
  return versions
    .filter(({ state }) => state !== "DESTROYED")
    .toSorted((a, b) => b.version - a.version)
    .map((version) => ({
      version: version.version,
      // The server's `Date` has whole seconds, so a new version's age can come out negative.
      age: Math.max(0, Math.round(now - version.createTime)),
      state: version.state,
      role: roleOf(version),
    }));

  function roleOf(version: KeyVersion): Role {
    if (version.scheduledDestroyTime !== undefined) return "being destroyed";
    if (version === signer) return "signing";
    if (retiring.includes(version)) return "retiring";
    if (version.state === "DISABLED") return "disabled";
    return signsFrom(version, policy) <= now ? "accepted" : "not yet active";
  }
}

/** A table of the versions. */
export function describeVersions(overview: RotationOverview): string {
  const rows = versionRows(overview).map(({ version, age, state, role }) => [
    String(version),
    duration(age),
    state,
    role,
  ]);
  if (rows.length === 0) return "The secret has no versions.";
  const table = [["VERSION", "AGE", "STATE", "ROLE"], ...rows];
  const widths = [0, 1, 2].map((column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .join("\n");
}

/** The planned steps and their effect. */
export function describeSteps(overview: RotationOverview): string {
  const { plan, reason, versions, policy, now } = overview;
  const lines = plan.steps.map((step, index) => {
    const what =
      step.action === "add"
        ? describeAdd()
        : `${ACTIONS[step.action]} version ${step.version.version}`;
    const why = step.action === "destroy" ? ", which no session needs any more" : "";
    return `  ${index + 1}. ${what}${why}.`;
  });
  if (plan.alreadyAdded !== undefined) {
    const { version, createTime } = plan.alreadyAdded;
    lines.unshift(
      `Version ${version} was added ${duration(now - createTime)} ago, so none is added now (--again adds one).`,
    );
  }
  if (plan.steps.length === 0) lines.push("There is nothing to do.");
  if (reason === "compromised") {
    lines.push(
      `Everyone signs in once more: each instance refuses all old sessions within ${refusedWithin(overview)} s of the last step.`,
    );
  }
  return lines.join("\n");

  function describeAdd(): string {
    const from = newVersionSignsFrom(versions, policy, now, reason);
    if (from > now)
      return `Add a version. It signs in ${duration(from - now)}, when every instance knows it`;
    return "Add a version. It signs as soon as an instance has read it";
  }
}

const ACTIONS = { disable: "Disable", destroy: "Destroy" } as const;

/** The result of a step, in one line. */
export function describeResult({ step, outcome, added, error }: StepResult): string {
  if (step.action === "add") {
    return added === undefined
      ? `Not added: ${messageOf(error)}`
      : `Added version ${added.version}.`;
  }
  const { version } = step.version;
  if (outcome === "failed") return `Version ${version} is unchanged: ${messageOf(error)}`;
  if (outcome === "skipped")
    return `Version ${version} was changed by somebody else: left as it is.`;
  return step.action === "disable"
    ? `Disabled version ${version}.`
    : `Destroyed version ${version}.`;
}
