import type { SecretVersion, SecretVersions, VersionReading } from "../google/secretVersions.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import { isWithin } from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { KnownVersion, KnownVersions } from "./knownVersions.ts";
import { LOOKUP_INTERVAL, PARALLEL_CALLS, UNLISTED_VERSIONS } from "./limits.ts";

/** Result of reading all versions. */
export interface Reading {
  /** Its number; what is known and has this number was confirmed by it. */
  readonly reading: number;
  /** What was not answered; empty if all was. */
  readonly failures: readonly unknown[];
  /** Whether every version that is enabled is known by now, with its age, be it readable or not. */
  readonly complete: boolean;
}

/** Reads a secret's versions into what is known of them. No method throws or rejects. */
export interface VersionReader {
  readAll(): Promise<Reading>;
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
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly abortAfter: AbortAfter;
  readonly onLookupFailure: (version: number, error: unknown) => void;
}

/** What belongs to one reading, of all versions or of a few. */
interface Scope {
  readonly reading: number;
  /** What the list says; undefined if it was not asked, or didn't answer. */
  readonly listed?: ReadonlyMap<number, SecretVersion> | undefined;
  readonly onFailure: (version: number, error: unknown) => void;
}

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
  clock,
  abortAfter,
  onLookupFailure,
}: VersionReaderDeps): VersionReader {
  const wanted = new Set<number>();
  let queued: Promise<boolean> | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let lastBegan: Seconds | undefined;

  /** Calls: the list's pages, one for each version that may be enabled, one above the newest. */
  async function readAll(): Promise<Reading> {
    const failures: unknown[] = [];
    const reading = known.beginReading();
    const [list, verified] = await Promise.all([
      source.list().catch((error: unknown) => void failures.push(error)),
      readEach(known.toVerify()),
    ]);
    const listed = list && new Map(list.versions.map((version) => [version.version, version]));
    const scope = {
      reading,
      listed,
      onFailure: (_: number, error: unknown) => failures.push(error),
    };
    for (const { version, state } of list?.versions ?? []) {
      if (state !== "ENABLED") known.learn(reading, version, { state });
    }
    await learnEach(scope, verified);
    const complete = list !== undefined && (await readOthers(scope, list.versions, verified));
    return { reading, failures, complete: complete && known.enabled().every(isAged) };
  }

  /**
   * Reads the versions that were not known before, all at once, because an instance that starts waits
   * for it.
   * @returns whether every version is known by now
   */
  async function readOthers(
    scope: Scope,
    listed: readonly SecretVersion[],
    verified: ReadonlyMap<number, VersionReading>,
  ): Promise<boolean> {
    const fresh = listed
      .filter(({ version, state }) => state === "ENABLED" && !verified.has(version))
      .map(({ version }) => version);
    const newest = Math.max(known.newest(), ...fresh);
    const others = await readEach([...fresh, ...gaps(newest, fresh), newest + 1]);
    const existing = new Map(others);
    existing.delete(newest + 1);
    await learnEach(scope, existing);
    return readUpwards(scope, others);
  }

  /** Numbers below the newest of which nothing is known, the highest first. */
  function gaps(newest: number, fresh: readonly number[]): number[] {
    const found: number[] = [];
    for (let version = newest - 1; version > 0 && found.length < UNLISTED_VERSIONS; version -= 1) {
      if (known.get(version) === undefined && !fresh.includes(version)) found.push(version);
    }
    return found;
  }

  async function readEach(versions: readonly number[]): Promise<Map<number, VersionReading>> {
    const found = new Map<number, VersionReading>();
    const queue = versions.values();
    const worker = async () => {
      for (const version of queue) {
        found.set(version, await source.read(version, known.get(version)?.state));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_CALLS }, worker));
    return found;
  }

  async function learnEach(
    scope: Scope,
    found: ReadonlyMap<number, VersionReading>,
  ): Promise<void> {
    await Promise.all([...found].map(([version, read]) => learn(scope, version, read)));
  }

  /**
   * Learns the versions above the newest, one after the other.
   * @param read what was read already
   * @returns whether it came to one that is absent
   */
  async function readUpwards(
    scope: Scope,
    read: ReadonlyMap<number, VersionReading> = new Map(),
  ): Promise<boolean> {
    for (let count = 0; count < UNLISTED_VERSIONS; count += 1) {
      const version = known.newest() + 1;
      const next = read.get(version) ?? (await source.read(version));
      if (next.state === "ABSENT") return true;
      // It need not exist.
      if (next.state === "UNREADABLE" && !next.refused) {
        scope.onFailure(version, next.error);
        return false;
      }
      await learn(scope, version, next);
    }
    return false;
  }

  /** Learns what was read of a version that exists, together with what the list says. */
  async function learn(scope: Scope, version: number, read: VersionReading): Promise<void> {
    const { reading, listed, onFailure } = scope;
    const entry = listed?.get(version);
    const before = known.get(version)?.state;
    // Whichever of the two says that a version was disabled is believed.
    if (entry !== undefined && entry.state !== "ENABLED") return;
    if (read.state === "ENABLED") {
      const createTime = entry?.createTime ?? (await createTimeOf(version, onFailure));
      known.learn(reading, version, { ...read, createTime });
    } else if (read.state === "UNREADABLE") {
      onFailure(version, read.error);
      const untold = before === undefined || before === "UNREADABLE";
      if (read.refused || untold) {
        known.learn(reading, version, { state: read.state, createTime: entry?.createTime });
      }
    } else if (read.state === "ABSENT") {
      // A secret that is gone as a whole is an accident, which ends nobody's session.
      const certain = entry === undefined && (before === undefined || listed !== undefined);
      if (certain) known.learn(reading, version, read);
      else onFailure(version, read.error);
    } else known.learn(reading, version, read);
  }

  /** Also of a version that is known: a list that lags doesn't say. */
  async function createTimeOf(
    version: number,
    onFailure: Scope["onFailure"],
  ): Promise<Seconds | undefined> {
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

  async function beginLookup(): Promise<boolean> {
    await running;
    const age = lastBegan === undefined ? -1 : clock() - lastBegan;
    if (isWithin(age, LOOKUP_INTERVAL)) await delay(LOOKUP_INTERVAL - age);
    queued = undefined;
    lastBegan = clock();
    const versions = [...wanted];
    wanted.clear();
    const lookup = readByNumber(versions);
    running = lookup;
    return lookup;
  }

  async function readByNumber(versions: readonly number[]): Promise<boolean> {
    const scope = { reading: known.beginReading(), onFailure: onLookupFailure };
    const newest = known.newest();
    const below = versions.filter((version) => version <= newest);
    await learnEach(scope, await readEach(below));
    return below.length < versions.length && (await readUpwards(scope));
  }

  async function delay(seconds: Seconds): Promise<void> {
    const never = new Promise<void>(() => undefined);
    await unlessAborted(never, abortAfter(seconds * 1000)).catch(() => undefined);
  }

  return {
    readAll,
    lookUp(version) {
      wanted.add(version);
      queued ??= beginLookup();
      return queued;
    },
  };
}

function isAged({ createTime }: KnownVersion): boolean {
  return createTime !== undefined;
}
