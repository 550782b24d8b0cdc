import { messageOf } from "../contract/errors.ts";
import {
  type SecretVersions,
  UNLISTED_VERSIONS,
  type VersionReading,
} from "../google/secretVersions.ts";
import { type AbortAfter, aborted } from "../process/abort.ts";
import type { EventLog } from "../process/eventLog.ts";
import { createFreshRun } from "../pure/freshRun.ts";
import type { KnownVersions } from "./knownVersions.ts";
import { LOOKUP_INTERVAL } from "./limits.ts";

interface VersionReaderDeps {
  readonly source: SecretVersions;
  readonly known: KnownVersions;
  readonly log: EventLog;
  readonly abortAfter: AbortAfter;
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
export function createVersionReader({ source, known, log, abortAfter }: VersionReaderDeps) {
  let isListed = false;
  let readings = 0;

  /** Begins a refresh or a lookup. */
  function begin() {
    const calls = new Map<number, Promise<VersionReading>>();
    const failures: { readonly version?: number; readonly error: unknown }[] = [];
    /** Reads each version once. */
    function read(version: number): Promise<VersionReading> {
      const call = calls.get(version) ?? source.access(version, known.get(version)?.state);
      calls.set(version, call);
      return call;
    }
    readings += 1;
    return { number: readings, calls, failures, read };
  }

  type Reading = ReturnType<typeof begin>;

  /**
   * Calls: the first list, one for each version that is not destroyed, one above the newest.
   * @returns the reading, and whether every enabled version is known with its age, readable or not
   */
  async function readAll() {
    const reading = begin();
    if (!isListed) await readList(reading).catch((error) => reading.failures.push({ error }));
    const { changeable, newest } = known.summary();
    const above = isListed ? [newest + 1] : [];
    // All at once, because an instance that starts waits for it.
    await forEach([...changeable, ...above], (version) => reading.read(version));
    const found = await Promise.all(reading.calls.values());
    // A deleted secret is an accident, and ends no session.
    const isThere = found.some(({ state }) => state === "ENABLED" || state === "DISABLED");
    await forEach(changeable, (version) => learn(reading, version, isThere));
    const isRead = isListed && (await readUpwards(reading));
    const haveAges = known.summary().enabled.every(({ createTime }) => createTime !== undefined);
    return { ...reading, isComplete: isRead && haveAges };
  }

  async function readList({ number }: Reading): Promise<void> {
    const { versions } = await source.list();
    for (const { version, state, createTime } of versions) {
      // The list decides only about destroyed versions.
      const settled = state === "DESTROYED" ? state : "UNREADABLE";
      if (!known.get(version)) known.learn(number, version, { state: settled, createTime });
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
      const next = await reading.read(version);
      if (next.state === "ABSENT") return true;
      // It may not exist, so nothing is stored about it.
      if (next.state === "UNREADABLE" && !next.refused) {
        reading.failures.push({ version, error: next.error });
        return false;
      }
      await learn(reading, version);
    }
    return false;
  }

  /** @param isThere whether the secret itself certainly exists */
  async function learn(reading: Reading, version: number, isThere = false): Promise<void> {
    const found = await reading.read(version);
    const before = known.get(version);
    const fail = (error: unknown): undefined => void reading.failures.push({ version, error });
    if (found.state === "ENABLED") {
      const createTime = before?.createTime ?? (await source.get(version).catch(fail))?.createTime;
      return known.learn(reading.number, version, { ...found, createTime });
    }
    if (found.state === "ABSENT" && before !== undefined && !isThere) return fail(found.error);
    if (found.state === "UNREADABLE") {
      fail(found.error);
      if (before !== undefined && !found.refused) return;
    }
    known.learn(reading.number, version, { state: found.state });
  }

  const wanted = new Set<number>();
  const nextLookup = createFreshRun(
    async () => {
      const reading = begin();
      const { newest } = known.summary();
      const versions = [...wanted];
      wanted.clear();
      const below = versions.filter((version) => version <= newest);
      await forEach(below, (version) => learn(reading, version));
      const nothingAbove = below.length < versions.length && (await readUpwards(reading));
      for (const { version, error } of reading.failures) {
        log.warn(
          { event: "key_lookup_failed", kid: String(version), cause: messageOf(error) },
          `Version ${version} of SECRET_KEY can't be looked up`,
        );
      }
      return nothingAbove;
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
