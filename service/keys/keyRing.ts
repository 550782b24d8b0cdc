import type { Seconds } from "../pure/seconds.ts";

/**
 * Pure decisions about a secret's versions as a ring of keys: which one signs, which are accepted,
 * which may be destroyed.
 */

export type VersionState = "ENABLED" | "DISABLED" | "DESTROYED";

/** A version of the secret, without its payload. */
export interface KeyVersion {
  /** Numbers start at 1 and are never reused. */
  readonly version: number;
  readonly state: VersionState;
  /** When Secret Manager created the version, by its own clock. */
  readonly createTime: Seconds;
  /** When a version whose destruction is delayed will be destroyed. */
  readonly scheduledDestroyTime?: Seconds | undefined;
}

export interface SigningPolicy {
  /** Seconds for which a new key is accepted before it signs. */
  readonly activationDelay: number;
}

export interface RetirementPolicy extends SigningPolicy {
  /** Seconds from sign-in until a session ends. */
  readonly sessionLifetime: number;
}

/**
 * Seconds that an old key may go on signing beside its successor, and is kept for afterwards: a
 * day, for instances that can't read the list for so long, and for clocks that differ.
 */
export const RETIREMENT_MARGIN = 86_400;

/** Unix time from which a version is old enough to sign. */
export function signsFrom(
  { createTime }: Pick<KeyVersion, "createTime">,
  { activationDelay }: SigningPolicy,
): Seconds {
  return createTime + activationDelay;
}

/**
 * The version that signs, of those that can be used: the newest that is old enough for every
 * instance to know it. If none is, the oldest, which the most instances know.
 */
export function chooseSigner<Version extends Pick<KeyVersion, "version" | "createTime">>(
  usable: readonly Version[],
  policy: SigningPolicy,
  now: Seconds,
): Version | undefined {
  const oldestFirst = usable.toSorted((a, b) => a.version - b.version);
  return oldestFirst.findLast((version) => signsFrom(version, policy) <= now) ?? oldestFirst[0];
}

/**
 * Whether sessions that the version seals now are accepted until they end: no successor can have it
 * retired before. See `retirable`.
 *
 * @param enabled all enabled versions, readable or not; without a time of creation they count as
 * created at `asOf`
 * @param asOf when all enabled versions were known
 */
export function maySign(
  { version }: Pick<KeyVersion, "version">,
  enabled: readonly { readonly version: number; readonly createTime: Seconds | undefined }[],
  asOf: Seconds,
  policy: SigningPolicy,
  now: Seconds,
): boolean {
  const successors = enabled.filter((other) => other.version > version);
  // A version that was created after `asOf` may be unknown.
  const createTime = Math.min(asOf, ...successors.map((other) => other.createTime ?? asOf));
  return signsFrom({ createTime }, policy) + RETIREMENT_MARGIN > now;
}

/** Whether sessions that the version sealed are accepted. */
export function isAccepted({ state }: Pick<KeyVersion, "state">): boolean {
  return state === "ENABLED";
}

/**
 * The versions that no live session needs: a successor of theirs has been signing for a whole
 * session lifetime and the margin. The version that signs is never among them.
 */
export function retirable<Version extends KeyVersion>(
  versions: readonly Version[],
  policy: RetirementPolicy,
  now: Seconds,
): Version[] {
  const { sessionLifetime } = policy;
  return versions.filter(
    (candidate) =>
      candidate.state !== "DESTROYED" &&
      candidate.scheduledDestroyTime === undefined &&
      versions.some(
        (successor) =>
          successor.version > candidate.version &&
          isAccepted(successor) &&
          signsFrom(successor, policy) + sessionLifetime + RETIREMENT_MARGIN <= now,
      ),
  );
}
