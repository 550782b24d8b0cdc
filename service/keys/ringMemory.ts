import { createSecretKey } from "node:crypto";
import { MIN_SECRET_LENGTH, type SessionKey } from "./sessionKeys.ts";

/** What an instance knows of a version. */
export type Fact =
  /** Enabled, and its payload was read. */
  | { readonly status: "usable"; readonly payload: Buffer; readonly createTime?: number }
  /** Disabled or destroyed. */
  | { readonly status: "retired" }
  /** It exists, and whether it is a key can't be told now: neither accepted nor refused. */
  | { readonly status: "unreadable"; readonly createTime?: number }
  /** There is no such version. */
  | { readonly status: "absent" };

export type Entry =
  | {
      readonly status: "usable";
      readonly version: number;
      readonly key: SessionKey;
      /** Unix seconds; undefined if it could not be read, and then the key doesn't sign. */
      readonly createTime: number | undefined;
    }
  /** Its payload is no key: it never sealed anything. */
  | { readonly status: "unfit"; readonly version: number }
  /** `createTime` in Unix seconds; undefined if no list named it yet. */
  | {
      readonly status: "unreadable";
      readonly version: number;
      readonly createTime: number | undefined;
    }
  | { readonly status: "retired" | "absent"; readonly version: number };

export type UsableKey = Extract<Entry, { status: "usable" }>;

export type EnabledVersion = Extract<Entry, { status: "usable" | "unreadable" }>;

/** What one instance knows of the secret's versions. */
export interface RingMemory {
  /** The number of a reading that begins now: what it finds out is as of now. */
  beginReading(): number;
  /** Keeps what a reading found out, unless a later reading was there before. */
  learn(reading: number, version: number, fact: Fact): void;
  entry(version: number): Entry | undefined;
  /** The keys that are accepted. */
  usable(): readonly UsableKey[];
  /** Those, and the versions that others may be able to read. */
  enabled(): readonly EnabledVersion[];
  /** Versions whose state a reading has to ask for, whatever the list says. */
  toVerify(): readonly number[];
  /** The highest version that is known to exist; 0 if none is. */
  newest(): number;
  /** The numbers below that of which nothing is known, at most so many, the highest first. */
  gaps(limit: number): number[];
}

export interface RingMemoryDeps {
  /** Called for a version whose payload can't be a key, once for each. */
  readonly onUnfit: (version: number, reason: string) => void;
}

/**
 * Readings can end in another order than they began in: an instance that froze in the middle of
 * one ends it hours later. So each fact carries its reading, and an older one never wins. Readings
 * are counted, not timed, because clocks jump.
 */
export function createRingMemory({ onUnfit }: RingMemoryDeps): RingMemory {
  const entries = new Map<number, { readonly reading: number; readonly entry: Entry }>();
  const reported = new Set<number>();
  let readings = 0;
  let summary: Summary | undefined;

  function toEntry(version: number, fact: Fact): Entry {
    const known = entries.get(version)?.entry;
    if (fact.status === "unreadable") {
      const createTime = fact.createTime ?? createTimeOf(known);
      return { status: fact.status, version, createTime };
    }
    if (fact.status !== "usable") return { status: fact.status, version };
    const reason = unfitness(fact.payload);
    if (reason !== undefined) {
      if (!reported.has(version)) onUnfit(version, reason);
      reported.add(version);
      return { status: "unfit", version };
    }
    const same = known?.status === "usable" ? known : undefined;
    const secret = createSecretKey(fact.payload);
    // The same key stays the same object, so that what was derived from it stays good.
    const key = same?.key.secret.equals(secret) ? same.key : { kid: String(version), secret };
    const createTime = fact.createTime ?? createTimeOf(known);
    return { status: "usable", version, key, createTime };
  }

  function summarized(): Summary {
    summary ??= summarize([...entries.values()].map(({ entry }) => entry));
    return summary;
  }

  return {
    beginReading() {
      readings += 1;
      return readings;
    },

    learn(reading, version, fact) {
      const known = entries.get(version);
      if (known !== undefined && known.reading > reading) return;
      entries.set(version, { reading, entry: toEntry(version, fact) });
      summary = undefined;
    },

    entry: (version) => entries.get(version)?.entry,
    usable: () => summarized().usable,
    enabled: () => summarized().enabled,
    toVerify: () => summarized().toVerify,
    newest: () => summarized().newest,
    gaps(limit) {
      const gaps: number[] = [];
      for (let version = summarized().newest - 1; version > 0; version -= 1) {
        if (gaps.length === limit) break;
        if (!entries.has(version)) gaps.push(version);
      }
      return gaps;
    },
  };
}

interface Summary {
  readonly usable: readonly UsableKey[];
  readonly enabled: readonly EnabledVersion[];
  readonly toVerify: readonly number[];
  readonly newest: number;
}

function summarize(entries: readonly Entry[]): Summary {
  const existing = entries.filter(({ status }) => status !== "absent");
  return {
    usable: existing.filter((entry) => entry.status === "usable"),
    enabled: existing.filter((entry) => "createTime" in entry),
    toVerify: existing.filter(({ status }) => status !== "retired").map(({ version }) => version),
    newest: existing.reduce((newest, { version }) => Math.max(newest, version), 0),
  };
}

function createTimeOf(entry: Entry | undefined): number | undefined {
  return entry !== undefined && "createTime" in entry ? entry.createTime : undefined;
}

/** Why a payload can't be a key; undefined if it can. */
function unfitness(payload: Buffer): string | undefined {
  const { length } = payload.toString("utf8").trim();
  return length < MIN_SECRET_LENGTH
    ? `its payload has ${length} characters, and a key needs at least ${MIN_SECRET_LENGTH}`
    : undefined;
}
