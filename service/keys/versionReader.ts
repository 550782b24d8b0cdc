import {
  type SecretVersions,
  UNLISTED_VERSIONS,
  type VersionReading,
} from "../google/secretVersions.ts";
import { type AbortAfter, aborted } from "../process/abort.ts";
import { createFreshRun } from "../pure/freshRun.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { KnownVersions } from "./knownVersions.ts";
import { LOOKUP_INTERVAL } from "./limits.ts";

type OnFailure = (version: number, error: unknown) => void;

interface VersionReaderDeps {
  readonly source: SecretVersions;
  readonly known: KnownVersions;
  readonly abortAfter: AbortAfter;
  readonly onLookupFailure: OnFailure;
}

/** A refresh or a lookup. */
interface Reading {
  readonly number: number;
  readonly onFailure: OnFailure;
  /** Calls by version, so that none is read twice. */
  readonly calls: Map<number, Promise<VersionReading>>;
}

/** Maximum concurrent calls of a reading. */
const PARALLEL_CALLS = 8;

/**
 * Reads a secret's versions into what is known of them. Nothing here throws or rejects.
 *
 * A list may lag by hours; a version that is read by its number does not. So the list is read once,
 * to begin with, and from then on each version that is not destroyed by its number: that is how a
 * disabled one is refused in time. They are read with their payloads, because accesses have 150
 * times the quota of other reads.
 *
 * Numbers are consecutive. So those that the list leaves out exist, and if the one above the newest
 * is absent, nothing above it exists.
 */
export function createVersionReader({
  source,
  known,
  abortAfter,
  onLookupFailure,
}: VersionReaderDeps) {
  let isListed = false;

  const begin = (onFailure: OnFailure): Reading => ({
    number: known.beginReading(),
    onFailure,
    calls: new Map(),
  });

  function read({ calls }: Reading, version: number): Promise<VersionReading> {
    const call = calls.get(version) ?? source.access(version, known.get(version)?.state);
    calls.set(version, call);
    return call;
  }

  /**
   * Calls: the first list, one for each version that is not destroyed, one above the newest.
   * @returns the reading's number, which versions that it confirmed have; the errors of failed calls;
   * and whether every enabled version is known with its age, readable or not
   */
  async function readAll() {
    const failures: unknown[] = [];
    const reading = begin((_, error) => failures.push(error));
    if (!isListed) await readList(reading).catch((error) => failures.push(error));
    const { changeable, newest } = known.summary();
    const above = isListed ? [newest + 1] : [];
    // All at once, because an instance that starts waits for it.
    await forEach([...changeable, ...above], (version) => read(reading, version));
    const found = await Promise.all(reading.calls.values());
    // A deleted secret is an accident, and ends no session.
    const isThere = found.some(({ state }) => state === "ENABLED" || state === "DISABLED");
    await forEach(changeable, (version) => learn(reading, version, isThere));
    const isRead = isListed && (await readUpwards(reading));
    const haveAges = known.summary().enabled.every(({ createTime }) => createTime !== undefined);
    return { reading: reading.number, failures, complete: isRead && haveAges };
  }

  async function readList({ number }: Reading): Promise<void> {
    const { versions } = await source.list();
    for (const { version, state, createTime } of versions) {
      if (known.get(version) !== undefined) continue;
      // The list decides only about destroyed versions.
      const settled = state === "DESTROYED" ? state : "UNREADABLE";
      known.learn(number, version, { state: settled, createTime });
    }
    isListed = true;
  }

  /**
   * Reads the versions above the newest, one after the other.
   * @returns whether it came to one that is absent
   */
  async function readUpwards(reading: Reading): Promise<boolean> {
    for (let count = 0; count < UNLISTED_VERSIONS; count += 1) {
      const version = known.summary().newest + 1;
      const next = await read(reading, version);
      if (next.state === "ABSENT") return true;
      // It may not exist, so nothing is stored about it.
      if (next.state === "UNREADABLE" && !next.refused) {
        reading.onFailure(version, next.error);
        return false;
      }
      await learn(reading, version);
    }
    return false;
  }

  /** @param isThere whether the secret itself certainly exists */
  async function learn(reading: Reading, version: number, isThere = false): Promise<void> {
    const { number, onFailure } = reading;
    const found = await read(reading, version);
    if (found.state === "ENABLED") {
      const createTime = await createTimeOf(version, onFailure);
      return known.learn(number, version, { ...found, createTime });
    }
    const isKnown = known.get(version) !== undefined;
    if (found.state === "ABSENT" && isKnown && !isThere) return onFailure(version, found.error);
    if (found.state === "UNREADABLE") {
      onFailure(version, found.error);
      if (isKnown && !found.refused) return;
    }
    known.learn(number, version, { state: found.state });
  }

  async function createTimeOf(version: number, onFailure: OnFailure): Promise<Seconds | undefined> {
    try {
      return known.get(version)?.createTime ?? (await source.get(version))?.createTime;
    } catch (error) {
      onFailure(version, error);
      return undefined;
    }
  }

  const wanted = new Set<number>();
  const nextLookup = createFreshRun(
    async () => {
      const versions = [...wanted];
      wanted.clear();
      const reading = begin(onLookupFailure);
      const { newest } = known.summary();
      const below = versions.filter((version) => version <= newest);
      await forEach(below, (version) => learn(reading, version));
      return below.length < versions.length && (await readUpwards(reading));
    },
    () => aborted(abortAfter(LOOKUP_INTERVAL * 1000)),
  );

  return {
    readAll,
    /**
     * Looks up a version that is not known, for a request. All requests that come before the lookup
     * begins share it, and one begins each LOOKUP_INTERVAL at most.
     * @returns whether it is certain that no version above the newest known one exists
     */
    lookUp(version: number): Promise<boolean> {
      wanted.add(version);
      return nextLookup();
    },
  };
}

/** Runs a task for each version, PARALLEL_CALLS of them at a time. */
async function forEach(
  versions: readonly number[],
  task: (version: number) => Promise<unknown>,
): Promise<void> {
  const queue = versions.values();
  const worker = async () => {
    for (const version of queue) await task(version);
  };
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, worker));
}
