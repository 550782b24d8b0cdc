import { createSecretKey } from "node:crypto";
import { UNLISTED_VERSIONS, type VersionReading } from "../google/secretVersions.ts";
import type { EventLog } from "../process/eventLog.ts";
import type { Seconds } from "../pure/seconds.ts";
import { MIN_SECRET_LENGTH, type SessionKey } from "./sessionKeys.ts";

/** A version of the secret as an instance knows it. */
export interface KnownVersion {
  readonly version: number;
  /** The refresh or lookup that read it. */
  readonly reading: number;
  /** UNREADABLE: it exists, but its state can't be read now. */
  readonly state: VersionReading["state"];
  /** Undefined if the version isn't enabled, or its payload is not a valid key. */
  readonly key: SessionKey | undefined;
  /** Undefined if it could not be read; then the key doesn't sign. */
  readonly createTime: Seconds | undefined;
}

export type KnownVersions = ReturnType<typeof createKnownVersions>;

/**
 * Readings can end in another order than they began in: an instance that froze in the middle of one
 * ends it hours later. So each version carries its reading, and an older one never wins. Readings
 * are counted, not timed, because clocks jump.
 */
export function createKnownVersions(log: Pick<EventLog, "error">) {
  const entries = new Map<number, KnownVersion>();
  /** Cached, because each request needs it. */
  let summary: ReturnType<typeof summarize> | undefined;

  function keyOf(version: number, payload: Buffer): SessionKey | undefined {
    const kid = String(version);
    const before = entries.get(version);
    const { length } = payload.toString("utf8").trim();
    if (length >= MIN_SECRET_LENGTH) {
      const secret = createSecretKey(payload);
      // An unchanged key stays the same object, so that keys derived from it stay cached.
      return before?.key?.secret.equals(secret) ? before.key : { kid, secret };
    }
    const isReported = before?.state === "ENABLED" && before.key === undefined;
    const reason = `its payload has ${length} characters, and keys have at least ${MIN_SECRET_LENGTH}`;
    const message = `Version ${version} of SECRET_KEY is skipped: ${reason}`;
    if (!isReported) log.error({ event: "key_skipped", kid, reason }, message);
    return undefined;
  }

  return {
    /** Stores a reading's result for a version, unless a later reading has one. */
    learn(
      reading: number,
      version: number,
      found: Pick<KnownVersion, "state"> & { payload?: Buffer; createTime?: Seconds | undefined },
    ): void {
      const before = entries.get(version);
      if (before !== undefined && before.reading > reading) return;
      const { state, payload, createTime = before?.createTime } = found;
      const key = payload && keyOf(version, payload);
      entries.set(version, { version, reading, state, key, createTime });
      summary = undefined;
    },
    get: (version: number) => entries.get(version),
    summary() {
      summary ??= summarize(entries);
      return summary;
    },
  };
}

function summarize(entries: ReadonlyMap<number, KnownVersion>) {
  const existing = [...entries.values()].filter(({ state }) => state !== "ABSENT");
  const newest = Math.max(0, ...existing.map(({ version }) => version));
  const unlisted: number[] = [];
  for (let n = newest; n > 0 && unlisted.length < UNLISTED_VERSIONS; n -= 1) {
    if (!entries.has(n)) unlisted.push(n);
  }
  const changeable = existing.filter(({ state }) => state !== "DESTROYED");
  return {
    /** The versions with a key whose age is known, so that it may sign. */
    aged: changeable.flatMap(({ key, createTime, ...known }) =>
      key === undefined || createTime === undefined ? [] : { ...known, key, createTime },
    ),
    /** The versions with a key, and the unreadable ones, which other instances may be able to read. */
    enabled: changeable.filter(({ state, key }) => key !== undefined || state === "UNREADABLE"),
    /** Numbers of all versions that may exist and are not destroyed, whose state can change. */
    changeable: [...changeable.map(({ version }) => version), ...unlisted],
    /** The highest number in any state; 0 if none is known. */
    newest,
  };
}
