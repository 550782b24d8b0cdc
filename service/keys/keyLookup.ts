import { failedAs } from "../google/googleApiError.ts";
import type { SecretVersions } from "../google/secretVersions.ts";
import { isWithin } from "./age.ts";
import { type KeyLimits, NEXT_VERSIONS, REMEMBERED_LOOKUPS } from "./limits.ts";
import type { Entry, Fact, RingMemory } from "./ringMemory.ts";
import type { KeyLookup } from "./sessionKeys.ts";
import { createTokenBucket } from "./tokenBucket.ts";

export interface KeyLookupDeps {
  readonly source: SecretVersions;
  readonly memory: RingMemory;
  readonly limits: KeyLimits;
  /** Unix time in seconds. */
  readonly clock: () => number;
  readonly onFailure: (version: number, error: unknown) => void;
}

/**
 * Finds a version's key, in the memory or, if it isn't known there, by reading it by its number.
 *
 * Whoever sends made-up numbers costs at most the two buckets' calls. A number is answered "unknown"
 * only when that is certain: when a reading that began after the question found nothing, or when
 * one did not long ago and the number is not among the next ones that the secret will have. The
 * next numbers can come into being and sign within moments, when all older keys are disabled.
 */
export function createKeyLookup({
  source,
  memory,
  limits,
  clock,
  onFailure,
}: KeyLookupDeps): (version: number) => KeyLookup | Promise<KeyLookup> {
  const { readTimeout, lookupBurst, lookupInterval, absentTtl } = limits;
  const bucket = createTokenBucket(lookupBurst, lookupInterval);
  /** So that a flood of numbers can't hide the very next key, which is the likeliest to be real. */
  const nextBucket = createTokenBucket(1, lookupInterval);
  const flights = new Map<number, { readonly since: number; readonly found: Promise<KeyLookup> }>();
  const remembered = new Map<number, { readonly since: number; readonly absent: boolean }>();

  function mayExistSoon(version: number): boolean {
    const newest = memory.newest();
    return version > newest && version <= newest + NEXT_VERSIONS;
  }

  /** The answer for a number that another question's reading did not find. */
  function notFoundBefore(version: number, retryAfter: number): KeyLookup {
    return mayExistSoon(version) ? unavailable(retryAfter) : { status: "unknown" };
  }

  function rememberedAnswer(version: number, now: number): KeyLookup | undefined {
    const { since, absent } = remembered.get(version) ?? {};
    if (since === undefined) return undefined;
    const age = now - since;
    if (absent && !mayExistSoon(version)) {
      return isWithin(age, absentTtl) ? { status: "unknown" } : undefined;
    }
    return isWithin(age, lookupInterval) ? unavailable(lookupInterval - age) : undefined;
  }

  function remember(version: number, since: number, absent: boolean): void {
    remembered.delete(version);
    remembered.set(version, { since, absent });
    const [first] = remembered.keys();
    if (remembered.size > REMEMBERED_LOOKUPS && first !== undefined) remembered.delete(first);
  }

  async function read(version: number, since: number): Promise<KeyLookup> {
    const reading = memory.beginReading();
    try {
      memory.learn(reading, version, await readFact(version));
    } catch (error) {
      const absent = failedAs(error, "NOT_FOUND") && memory.entry(version) === undefined;
      remember(version, since, absent);
      if (absent) return { status: "unknown" };
      onFailure(version, error);
    }
    return known(memory.entry(version)) ?? unavailable(lookupInterval);
  }

  async function readFact(version: number): Promise<Fact> {
    try {
      const payload = await source.access(version);
      // Without its time of creation the key doesn't sign; the ring's next reading asks again.
      const { createTime } = await source.get(version).catch(() => ({ createTime: undefined }));
      return { status: "usable", payload, ...(createTime !== undefined && { createTime }) };
    } catch (error) {
      if (!failedAs(error, "FAILED_PRECONDITION")) throw error;
      const { state } = await source.get(version);
      if (state === "ENABLED") throw error;
      return { status: "retired" };
    }
  }

  return function lookUp(version) {
    const answer = known(memory.entry(version));
    if (answer !== undefined) return answer;

    const now = clock();
    const flight = flights.get(version);
    // One that is older was under way when this instance froze: what it brings is old.
    if (flight !== undefined && isWithin(now - flight.since, readTimeout)) {
      return flight.found.then((found) =>
        found.status === "unknown" && known(memory.entry(version)) === undefined
          ? notFoundBefore(version, 1)
          : found,
      );
    }

    const before = rememberedAnswer(version, now);
    if (before !== undefined) return before;

    const isNext = version === memory.newest() + 1;
    if (!bucket.take(now) && !(isNext && nextBucket.take(now))) {
      return unavailable(bucket.wait(now));
    }
    const found = read(version, now).finally(() => {
      if (flights.get(version)?.found === found) flights.delete(version);
    });
    flights.set(version, { since: now, found });
    return found;
  };
}

/** The answer that needs no reading; undefined if one is needed. */
function known(entry: Entry | undefined): KeyLookup | undefined {
  switch (entry?.status) {
    case "usable":
      return { status: "found", key: entry.key };
    case "retired":
      return { status: "retired" };
    case "unfit":
    case "absent":
      return { status: "unknown" };
    default:
      return undefined;
  }
}

function unavailable(seconds: number): KeyLookup {
  return { status: "unavailable", retryAfter: Math.max(1, Math.ceil(seconds)) };
}
