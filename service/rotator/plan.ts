import {
  isAccepted,
  type KeyVersion,
  type RetirementPolicy,
  retirable,
  signsFrom,
} from "../keys/keyRing.ts";

export interface RotationPolicy extends RetirementPolicy {
  /**
   * Age in seconds below which the newest version makes a planned rotation add no other, so that a
   * redelivered message or a repeated command is harmless.
   */
  readonly minimumAge: number;
}

/** `planned`: by schedule or by hand. `compromised`: a key leaked. */
export type RotationReason = "planned" | "compromised";

export type Step<Version extends KeyVersion = KeyVersion> =
  | { readonly action: "add" }
  | { readonly action: "disable"; readonly version: Version }
  | { readonly action: "destroy"; readonly version: Version };

export interface RotationPlan<Version extends KeyVersion = KeyVersion> {
  /** In order. If a rotation stops after any of them, sessions still work. */
  readonly steps: readonly Step<Version>[];
  /** The version that is too young for another to be added. */
  readonly alreadyAdded: Version | undefined;
}

/**
 * Plans a rotation of these versions.
 *
 * Planned: adds a version, unless the newest is too young, and destroys those that no session
 * needs. Compromised: always adds a version, and disables the versions that existed before, so that
 * concurrent rotations can't disable each other's new version.
 *
 * @param now Unix time in seconds
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
  // `now` is in whole seconds, so a new version's age can be negative.
  const isTooYoung = newest && Math.max(0, now - newest.createTime) < policy.minimumAge;
  const alreadyAdded = isTooYoung ? newest : undefined;
  const destroy = retirable(newestFirst, policy, now).map(
    (version) => ({ action: "destroy", version }) as const,
  );
  return {
    steps: alreadyAdded === undefined ? [{ action: "add" }, ...destroy] : destroy,
    alreadyAdded,
  };
}

/** Unix time from which a version that is added now signs: now, if no other is enabled. */
export function newVersionSignsFrom(
  versions: readonly KeyVersion[],
  policy: RotationPolicy,
  now: number,
  reason: RotationReason,
): number {
  const alone = reason === "compromised" || !versions.some(isAccepted);
  return alone ? now : signsFrom({ createTime: now }, policy);
}
