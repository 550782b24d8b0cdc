import {
  isAccepted,
  type KeyVersion,
  type RetirementPolicy,
  retirable,
  signsFrom,
} from "../keys/keyRing.ts";

export interface RotationPolicy extends RetirementPolicy {
  /**
   * Seconds after an added version in which a planned rotation adds no other one: so a message that
   * is delivered twice, or a command that is repeated, is harmless.
   */
  readonly minimumAge: number;
}

/** Why keys are rotated: by schedule, or because one leaked. */
export type RotationReason = "planned" | "compromised";

export type Step<Version extends KeyVersion = KeyVersion> =
  | { readonly action: "add" }
  | { readonly action: "disable"; readonly version: Version }
  | { readonly action: "destroy"; readonly version: Version };

export interface RotationPlan<Version extends KeyVersion = KeyVersion> {
  /** In order: sessions work whichever step is the last one done. */
  readonly steps: readonly Step<Version>[];
  /** The version that was just added, so that none is added now. */
  readonly alreadyAdded: Version | undefined;
}

/**
 * What a rotation does with these versions at that time (Unix seconds).
 *
 * Planned: adds a version, unless one was just added, and destroys those that no session needs.
 * Compromised: adds a version whatever there is, and disables all others. A version is disabled
 * only if it was there before, so of several that run at once none disables the newest.
 */
export function planRotation<Version extends KeyVersion>(
  versions: readonly Version[],
  policy: RotationPolicy,
  now: number,
  reason: RotationReason,
): RotationPlan<Version> {
  const newestFirst = versions.toSorted((a, b) => b.version - a.version);
  if (reason === "compromised") {
    const disable = newestFirst
      .filter(isAccepted)
      .map((version) => ({ action: "disable", version }) as const);
    return { steps: [{ action: "add" }, ...disable], alreadyAdded: undefined };
  }
  const newest = newestFirst.find(isAccepted);
  // The server tells the time in whole seconds, so a new version can seem to come from the future.
  const justAdded =
    newest !== undefined && Math.max(0, now - newest.createTime) < policy.minimumAge;
  const alreadyAdded = justAdded ? newest : undefined;
  const destroy = retirable(newestFirst, policy, now).map(
    (version) => ({ action: "destroy", version }) as const,
  );
  return {
    steps: alreadyAdded === undefined ? [{ action: "add" }, ...destroy] : destroy,
    alreadyAdded,
  };
}

/** When a version that is added now will sign: at once if it is the only enabled one. */
export function newVersionSignsFrom(
  versions: readonly KeyVersion[],
  policy: RotationPolicy,
  now: number,
  reason: RotationReason,
): number {
  const alone = reason === "compromised" || !versions.some(isAccepted);
  return alone ? now : signsFrom({ createTime: now }, policy);
}
