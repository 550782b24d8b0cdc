import { createSecretKey } from "node:crypto";
import type { VersionReading } from "../google/secretVersions.ts";
import type { Seconds } from "../pure/seconds.ts";
import { MIN_SECRET_LENGTH, type SessionKey } from "./sessionKeys.ts";

/** What one instance knows of a version of the secret. */
export interface KnownVersion {
  readonly version: number;
  /** The reading that found this out. */
  readonly reading: number;
  /** UNREADABLE: it exists, and whether it is enabled can't be told now. */
  readonly state: VersionReading["state"];
  /** Undefined if the version isn't enabled, or has a payload that can't be a key. */
  readonly key: SessionKey | undefined;
  /** Undefined if it could not be read; then the key doesn't sign. */
  readonly createTime: Seconds | undefined;
}

export type UsableVersion = KnownVersion & { readonly key: SessionKey };

/** What a reading found out about a version. */
export interface Finding {
  readonly state: VersionReading["state"];
  readonly payload?: Buffer;
  readonly createTime?: Seconds | undefined;
}

export interface KnownVersions {
  /** The number of a reading that begins now: what it finds out is as of now. */
  beginReading(): number;
  /** Keeps a finding, unless a later reading was there before. */
  learn(reading: number, version: number, finding: Finding): void;
  get(version: number): KnownVersion | undefined;
  /** The versions whose keys are accepted. */
  usable(): readonly UsableVersion[];
  /** Those, and the unreadable ones, which other instances may be able to read. */
  enabled(): readonly KnownVersion[];
  /** Every version that may be enabled. */
  toVerify(): readonly number[];
  /** The highest number that exists, in whatever state; 0 if none is known. */
  newest(): number;
}

/**
 * Readings can end in another order than they began in: an instance that froze in the middle of one
 * ends it hours later. So each version carries its reading, and an older one never wins. Readings are
 * counted, not timed, because clocks jump.
 * @param onUnfit called for a version whose payload can't be a key, once for each
 */
export function createKnownVersions(
  onUnfit: (version: number, reason: string) => void,
): KnownVersions {
  const entries = new Map<number, KnownVersion>();
  const reported = new Set<number>();
  let readings = 0;
  let summary: ReturnType<typeof summarize> | undefined;

  function keyOf(version: number, payload: Buffer | undefined): SessionKey | undefined {
    if (payload === undefined) return undefined;
    const reason = unfitness(payload);
    if (reason !== undefined) {
      if (!reported.has(version)) onUnfit(version, reason);
      reported.add(version);
      return undefined;
    }
    const secret = createSecretKey(payload);
    const before = entries.get(version)?.key;
    // The same key stays the same object, so that what was derived from it stays good.
    return before?.secret.equals(secret) ? before : { kid: String(version), secret };
  }

  const summarized = () => {
    summary ??= summarize([...entries.values()]);
    return summary;
  };

  return {
    beginReading() {
      readings += 1;
      return readings;
    },
    learn(reading, version, { state, payload, createTime }) {
      const before = entries.get(version);
      if (before !== undefined && before.reading > reading) return;
      entries.set(version, {
        version,
        reading,
        state,
        key: keyOf(version, payload),
        createTime: createTime ?? before?.createTime,
      });
      summary = undefined;
    },
    get: (version) => entries.get(version),
    usable: () => summarized().usable,
    enabled: () => summarized().enabled,
    toVerify: () => summarized().toVerify,
    newest: () => summarized().newest,
  };
}

function summarize(all: readonly KnownVersion[]) {
  const usable = all.filter((known): known is UsableVersion => known.key !== undefined);
  const unreadable = all.filter(({ state }) => state === "UNREADABLE");
  const existing = all.filter(({ state }) => state !== "ABSENT");
  return {
    usable,
    enabled: [...usable, ...unreadable],
    toVerify: existing
      .filter(({ state }) => state === "ENABLED" || state === "UNREADABLE")
      .map(({ version }) => version),
    newest: existing.reduce((newest, { version }) => Math.max(newest, version), 0),
  };
}

/** Why a payload can't be a key; undefined if it can. */
function unfitness(payload: Buffer): string | undefined {
  const { length } = payload.toString("utf8").trim();
  return length < MIN_SECRET_LENGTH
    ? `its payload has ${length} characters, and a key needs at least ${MIN_SECRET_LENGTH}`
    : undefined;
}
