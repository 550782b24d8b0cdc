import { failedAs } from "../google/googleApiError.ts";
import type { SecretVersion, SecretVersions } from "../google/secretVersions.ts";
import { inParallel } from "./inParallel.ts";
import { PARALLEL_CALLS, UNLISTED_VERSIONS } from "./limits.ts";
import type { Fact, RingMemory } from "./ringMemory.ts";

/** What came of a reading. */
export interface Reading {
  /** What was not answered; empty if all was. */
  readonly failures: readonly unknown[];
  /** Whether every version that is enabled is known by now, with its age, be it readable or not. */
  readonly complete: boolean;
  /** The versions whose payloads were read: they are enabled for sure. */
  readonly confirmed: ReadonlySet<number>;
}

type Attempt<Value> = { readonly value: Value } | { readonly error: unknown };

/**
 * Reads what there is to know of the secret's versions into the memory. Never rejects: what was
 * answered counts, whatever else failed.
 *
 * The list tells which versions there are, and may lag by hours; a version that is asked for by its
 * number does not. So each key in use is read by its number as well: that is how a disabled one is
 * refused in time, and how one that the list doesn't know yet stays. It is read with its payload,
 * because accesses have 150 times the quota of other reads. And the numbers above the newest are
 * tried until one is absent, so that a new key is known whatever the list says.
 *
 * Calls: the list's pages, one for each version that is enabled or listed so, one for the number
 * above the newest, and one more for each version that is new or has just changed its state.
 */
export async function readRing(source: SecretVersions, memory: RingMemory): Promise<Reading> {
  const reading = memory.beginReading();
  const failures: unknown[] = [];
  const confirmed = new Set<number>();

  const [list, verified] = await Promise.all([
    attempt(source.list()),
    accessAll(memory.toVerify()),
  ]);
  const answered = "value" in list;
  const versions = answered ? list.value.versions : [];
  if (!answered) failures.push(list.error);

  const listed = new Map(versions.map((version) => [version.version, version]));
  for (const { version, state } of versions) {
    if (state !== "ENABLED") memory.learn(reading, version, { status: "retired" });
  }
  const unseen = versions
    .filter(({ version, state }) => state === "ENABLED" && !verified.has(version))
    .map(({ version }) => version);
  await learnAll(verified);
  // Tried along with the others, because an instance that starts waits for all of it.
  const next = Math.max(memory.newest(), ...unseen) + 1;
  const [accesses, tried] = await Promise.all([
    accessAll(unseen),
    accessAll(answered ? [next] : []),
  ]);
  await learnAll(accesses);
  const allFound = answered && (await readUnlisted(tried));
  const complete = allFound && memory.enabled().every(({ createTime }) => createTime !== undefined);
  return { failures, complete, confirmed };

  async function learnAll(accesses: Map<number, Attempt<Buffer>>): Promise<void> {
    await inParallel([...accesses], PARALLEL_CALLS, async ([version, access]) => {
      const fact = await judge(version, access, listed.get(version));
      if (fact !== undefined) memory.learn(reading, version, fact);
    });
  }

  async function accessAll(numbers: readonly number[]): Promise<Map<number, Attempt<Buffer>>> {
    const accesses = await inParallel(numbers, PARALLEL_CALLS, (version) =>
      attempt(source.access(version)),
    );
    return new Map(accesses.map((access, index) => [numbers[index] ?? 0, access]));
  }

  /** What the two answers about a version say together; undefined if that is nothing new. */
  async function judge(
    version: number,
    access: Attempt<Buffer>,
    entry: SecretVersion | undefined,
  ): Promise<Fact | undefined> {
    // Whichever of the two says that a key was disabled is believed.
    if (entry !== undefined && entry.state !== "ENABLED") return { status: "retired" };
    if ("value" in access) {
      confirmed.add(version);
      const createTime = entry?.createTime ?? (await missingCreateTime(version));
      return { status: "usable", payload: access.value, ...(createTime && { createTime }) };
    }
    const { error } = access;
    if (failedAs(error, "FAILED_PRECONDITION")) {
      if (memory.entry(version)?.status === "retired") return { status: "retired" };
      return refused(version, error, entry);
    }
    // A secret that is gone as a whole is an accident, which ends nobody's session.
    if (failedAs(error, "NOT_FOUND") && answered && entry === undefined) {
      return { status: "absent" };
    }
    failures.push(error);
    return isUnknown(version) ? unreadable(entry) : undefined;
  }

  function isUnknown(version: number): boolean {
    return [undefined, "unreadable"].includes(memory.entry(version)?.status);
  }

  /** Access was refused for the version's state: which one is it in? */
  async function refused(
    version: number,
    error: unknown,
    entry: SecretVersion | undefined,
  ): Promise<Fact> {
    const current = await attempt(source.get(version));
    if ("value" in current && current.value.state !== "ENABLED") return { status: "retired" };
    failures.push("value" in current ? error : current.error);
    return unreadable("value" in current ? current.value : entry);
  }

  async function missingCreateTime(version: number): Promise<number | undefined> {
    const known = memory.entry(version);
    if (known?.status === "unfit") return undefined;
    if (known?.status === "usable" && known.createTime !== undefined) return undefined;
    const current = await attempt(source.get(version));
    if ("value" in current) return current.value.createTime;
    failures.push(current.error);
    return undefined;
  }

  /** @returns whether the number above the newest is sure to be absent */
  async function readUnlisted(tried: ReadonlyMap<number, Attempt<Buffer>>): Promise<boolean> {
    await learnAll(await accessAll(memory.gaps(UNLISTED_VERSIONS)));
    const first = memory.newest() + 1;
    for (let version = first; version < first + UNLISTED_VERSIONS; version += 1) {
      const access = tried.get(version) ?? (await attempt(source.access(version)));
      const fact = await judge(version, access, undefined);
      // A number that can't be read need not exist, and one that is absent may exist soon.
      if (fact?.status === "absent") return true;
      if (fact === undefined || fact.status === "unreadable") return false;
      memory.learn(reading, version, fact);
    }
    return false;
  }
}

function unreadable(entry: SecretVersion | undefined): Fact {
  return { status: "unreadable", ...(entry && { createTime: entry.createTime }) };
}

async function attempt<Value>(call: Promise<Value>): Promise<Attempt<Value>> {
  try {
    return { value: await call };
  } catch (error) {
    return { error };
  }
}
