import {
  type SecretVersion,
  type SecretVersions,
  UNLISTED_VERSIONS,
  type VersionReading,
} from "../google/secretVersions.ts";
import { type AbortAfter, aborted } from "../process/abort.ts";
import { createFreshRun } from "../pure/freshRun.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { KnownVersions } from "./knownVersions.ts";
import { LOOKUP_INTERVAL } from "./limits.ts";

/** Result of reading all versions. */
export interface RefreshResult {
  /** Its number; what is known and has this number was confirmed by it. */
  readonly reading: number;
  /** What was not answered; empty if all was. */
  readonly failures: readonly unknown[];
  /** Whether every version that is enabled is known by now, with its age, be it readable or not. */
  readonly complete: boolean;
}

/** Reads a secret's versions into what is known of them. No method throws or rejects. */
export interface VersionReader {
  readAll(): Promise<RefreshResult>;
  /**
   * Looks up a version that is not known, for a request. All requests that come before the lookup
   * begins share it, and one begins each LOOKUP_INTERVAL at most.
   * @returns whether it is certain that no version above the newest known one exists
   */
  lookUp(version: number): Promise<boolean>;
}

export interface VersionReaderDeps {
  readonly source: SecretVersions;
  readonly known: KnownVersions;
  readonly abortAfter: AbortAfter;
  readonly onLookupFailure: OnFailure;
}

type OnFailure = (version: number, error: unknown) => void;

/** One reading, of all versions or of a few. */
interface Reading {
  readonly number: number;
  readonly onFailure: OnFailure;
  /** What the list says; undefined if it was not asked, or didn't answer. */
  readonly listed?: ReadonlyMap<number, SecretVersion> | undefined;
  /** Calls that were made: no version is read twice. */
  readonly calls: Map<number, Promise<VersionReading>>;
}

/** Calls of one reading that are in flight at once. */
const PARALLEL_CALLS = 8;

/**
 * The list tells which versions there are, and may lag by hours; a version that is read by its number
 * does not. So each key in use is read by its number as well: that is how a disabled one is refused in
 * time, and how one that the list doesn't have yet stays. Keys are read with their payloads, because
 * accesses have 150 times the quota of other reads.
 *
 * Numbers are consecutive. So those that the list leaves out exist, and if the one above the newest
 * is absent, nothing above it exists.
 */
export function createVersionReader({
  source,
  known,
  abortAfter,
  onLookupFailure,
}: VersionReaderDeps): VersionReader {
  const begin = (onFailure: OnFailure): Reading => ({
    number: known.beginReading(),
    onFailure,
    calls: new Map(),
  });

  function read({ calls }: Reading, version: number): Promise<VersionReading> {
    const call = calls.get(version) ?? source.read(version, known.get(version)?.state);
    calls.set(version, call);
    return call;
  }

  /** Calls: the list's pages, one for each version that may be enabled, one above the newest. */
  async function readAll(): Promise<RefreshResult> {
    const failures: unknown[] = [];
    const begun = begin((_, error) => failures.push(error));
    const verified = known.summary().toVerify;
    const [list] = await Promise.all([
      source.list().catch((error: unknown) => void failures.push(error)),
      forEach(verified, (version) => read(begun, version)),
    ]);
    const listed = list && new Map(list.versions.map((version) => [version.version, version]));
    const reading = { ...begun, listed };
    for (const { version, state } of list?.versions ?? []) {
      if (state !== "ENABLED") known.learn(reading.number, version, { state });
    }
    await forEach(verified, (version) => learn(reading, version));
    const isComplete = listed !== undefined && (await readOthers(reading, listed));
    const haveAges = known.summary().enabled.every(({ createTime }) => createTime !== undefined);
    return { reading: reading.number, failures, complete: isComplete && haveAges };
  }

  /**
   * Reads the versions that were not known before, all at once, because an instance that starts waits
   * for it.
   * @returns whether every version is known by now
   */
  async function readOthers(
    reading: Reading,
    listed: ReadonlyMap<number, SecretVersion>,
  ): Promise<boolean> {
    const isFresh = ({ version, state }: SecretVersion) =>
      state === "ENABLED" && !reading.calls.has(version);
    const fresh = [...listed.values()].filter(isFresh).map(({ version }) => version);
    const newest = Math.max(known.summary().newest, ...fresh);
    const unlisted: number[] = [];
    for (let version = newest - 1; version > 0; version -= 1) {
      if (unlisted.length === UNLISTED_VERSIONS) break;
      if (known.get(version) === undefined && !listed.has(version)) unlisted.push(version);
    }
    await forEach([...fresh, ...unlisted, newest + 1], (version) => read(reading, version));
    await forEach([...fresh, ...unlisted], (version) => learn(reading, version));
    return readUpwards(reading);
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
      // It may not exist at all, so nothing is learned of it.
      if (next.state === "UNREADABLE" && !next.refused) {
        reading.onFailure(version, next.error);
        return false;
      }
      await learn(reading, version);
    }
    return false;
  }

  /** Reads a version and learns what that and the list say of it. */
  async function learn(reading: Reading, version: number): Promise<void> {
    const { number, listed, onFailure } = reading;
    const found = await read(reading, version);
    const entry = listed?.get(version);
    const before = known.get(version)?.state;
    // Whichever of the two says that a version was disabled is believed.
    if (entry !== undefined && entry.state !== "ENABLED") return;
    if (found.state === "ENABLED") {
      const createTime = entry?.createTime ?? (await createTimeOf(version, onFailure));
      return known.learn(number, version, { ...found, createTime });
    }
    if (found.state === "UNREADABLE") {
      onFailure(version, found.error);
      const isUntold = before === undefined || before === "UNREADABLE";
      if (!found.refused && !isUntold) return;
      return known.learn(number, version, { state: found.state, createTime: entry?.createTime });
    }
    if (found.state === "ABSENT") {
      // A secret that is gone as a whole is an accident, which ends nobody's session.
      const isCertain = entry === undefined && (before === undefined || listed !== undefined);
      if (!isCertain) return onFailure(version, found.error);
    }
    known.learn(number, version, { state: found.state });
  }

  /** Asked of known versions too, because a list that lags doesn't have it. */
  async function createTimeOf(version: number, onFailure: OnFailure): Promise<Seconds | undefined> {
    const { state, createTime, key } = known.get(version) ?? {};
    if (createTime !== undefined) return createTime;
    if (state === "ENABLED" && key === undefined) return undefined;
    try {
      return (await source.get(version))?.createTime;
    } catch (error) {
      onFailure(version, error);
      return undefined;
    }
  }

  const wanted = new Set<number>();
  const nextLookup = createFreshRun(
    () => {
      const versions = [...wanted];
      wanted.clear();
      return readByNumber(versions);
    },
    () => aborted(abortAfter(LOOKUP_INTERVAL * 1000)),
  );

  async function readByNumber(versions: readonly number[]): Promise<boolean> {
    const reading = begin(onLookupFailure);
    const { newest } = known.summary();
    const below = versions.filter((version) => version <= newest);
    await forEach(below, (version) => learn(reading, version));
    return below.length < versions.length && (await readUpwards(reading));
  }

  return {
    readAll,
    lookUp(version) {
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
