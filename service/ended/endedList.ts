import { isWithin } from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import {
  addressMark,
  type Mark,
  type Person,
  providerSessionMark,
  sessionHash,
  userMark,
  type Who,
} from "./marks.ts";
import { createRecentEntries } from "./recentEntries.ts";

/** Seconds before the watermark from which each poll lists again. */
export const OVERLAP = 10;

/**
 * Seconds by which a name's time and its `timeCreated` may be apart for a mark to count as
 * written. With two clocks that are 2 s off, it has to stay below the overlap.
 */
export const MAX_NAME_SKEW = 5;

/** Allowed clock skew of instances in seconds. */
const CLOCK_SKEW = 2;

/** Limit for marks of sessions in memory: about 20 MB. */
const MAX_SESSIONS = 200_000;

/** Limit for looked-up sessions older than the horizon: about 5 MB. */
const MAX_CHECKED = 50_000;

/** Number of people's marks above which outdated ones are removed. */
const MIN_PRUNED = 1000;

const NEVER: Seconds = Number.NEGATIVE_INFINITY;

/** The fields of a credential that decide whether its session has ended. */
export interface JudgedSession extends Person {
  readonly sid: string;
  /** Unix time of its beginning, by the clock of the instance that started it. */
  readonly iat: Seconds;
}

/** `unknown`: older than the marks in memory, so its own mark has to be looked up. */
export type Verdict = "live" | "ended" | "unknown";

/** Result of a complete poll of the feed. */
export interface CompletePoll {
  /** The server's time of its first page. */
  readonly serverTime: Seconds;
  /** Time of the oldest name, if the poll stopped before it reached known names. */
  readonly gapBelow?: Seconds;
}

/** The ended sessions that an instance knows. Has no clock and does no I/O. */
export interface EndedList {
  /** Unix time from which the next poll lists names; undefined before the first complete one. */
  since(): Seconds | undefined;
  /** Adds marks, oldest first. */
  learn(marks: Iterable<Mark>): void;
  /** Call this after a poll, once its marks are learned. */
  complete(poll: CompletePoll): void;
  judge(session: JudgedSession, now: Seconds): Verdict;
  /** The result of looking up a session's own mark, begun at `readAt` by this instance's clock. */
  settle(sid: string, result: "live" | "ended", readAt: Seconds): void;
  /** The earliest `iat` with which a session that begins now is not ended by a person's mark. */
  earliestStart(person: Omit<Person, "sid">, now: Seconds): Seconds;
  /** Time of the mark, if it is known. */
  markedAt(who: Who): Seconds | undefined;
}

export interface EndedListOptions {
  /** Maximum lifetime of a session, for which a person's mark is needed. */
  readonly lifetime: Seconds;
  readonly overlap?: Seconds;
  readonly maxSessions?: number;
  readonly maxChecked?: number;
}

/**
 * Marks of sessions up to `maxSessions`, and the latest mark of each person. Every mark of a
 * session that the server has under a later time than the horizon is in memory.
 */
export function createEndedList({
  lifetime,
  overlap = OVERLAP,
  maxSessions = MAX_SESSIONS,
  maxChecked = MAX_CHECKED,
}: EndedListOptions): EndedList {
  /** Time of each session's mark. */
  const sessions = createRecentEntries<Seconds>(maxSessions);
  const people = new Map<string, Seconds>();
  /**
   * When sessions older than the horizon were last seen to be live; infinity if they have ended.
   */
  const checked = createRecentEntries<Seconds>(maxChecked);
  let everybody = NEVER;
  /** Latest mark of each kind. A session that began after it needs no hashing. */
  const latest = { u: NEVER, e: NEVER, p: NEVER };
  /** Marks of people so far, and for sessions that none of them ends how many there were then. */
  let changes = 0;
  const spared = createRecentEntries<number>(maxChecked);
  let watermark: Seconds | undefined;
  let horizon = NEVER;
  let pruneAt = MIN_PRUNED;

  function learnOne({ who, before }: Mark): void {
    if (who.kind === "s") {
      if (sessions.get(who.hash) !== undefined) return;
      for (const time of sessions.set(who.hash, before)) horizon = Math.max(horizon, time);
      return;
    }
    // The overlap of polls brings marks again and again.
    if (before <= (endedAt(who) ?? NEVER)) return;
    changes += 1;
    if (who.kind === "all") {
      everybody = before;
      return;
    }
    latest[who.kind] = Math.max(latest[who.kind], before);
    people.set(who.hash, before);
  }

  function endedAt(who: Who): Seconds | undefined {
    if (who.kind === "all") return everybody === NEVER ? undefined : everybody;
    return (who.kind === "s" ? sessions : people).get(who.hash);
  }

  /**
   * The latest mark of that person or of everybody; minus infinity if there is none. Marks that
   * can't end a session that began at `iat` may be left out.
   */
  function latestMark(
    { iss, user_id, user_email, provider_sid }: Omit<Person, "sid">,
    iat = NEVER,
  ): Seconds {
    let time = everybody;
    const consider = (who: Who) => {
      time = Math.max(time, endedAt(who) ?? time);
    };
    const mayEnd = (kind: "u" | "e" | "p") => iat <= latest[kind] + CLOCK_SKEW;
    if (mayEnd("u")) consider(userMark(iss, user_id));
    if (user_email !== undefined && mayEnd("e")) consider(addressMark(user_email));
    if (provider_sid !== undefined && mayEnd("p")) consider(providerSessionMark(iss, provider_sid));
    return time;
  }

  function prune(now: Seconds): void {
    for (const [hash, before] of people) {
      if (before + CLOCK_SKEW + lifetime < now) people.delete(hash);
    }
    pruneAt = Math.max(MIN_PRUNED, 2 * people.size);
  }

  return {
    since: () => (watermark === undefined ? undefined : watermark - overlap),

    learn(marks) {
      for (const mark of marks) learnOne(mark);
    },

    complete({ serverTime, gapBelow }) {
      watermark = serverTime;
      if (gapBelow !== undefined) horizon = Math.max(horizon, Math.min(gapBelow, serverTime));
      if (people.size > pruneAt) prune(serverTime);
    },

    judge(session, now) {
      const { sid, iat } = session;
      const hash = sessionHash(sid);
      // Hashes of a person take longer than all the rest, so they are not computed each time.
      if (spared.get(hash) !== changes) {
        if (iat <= latestMark(session, iat) + CLOCK_SKEW) return "ended";
        spared.set(hash, changes);
      }
      if (sessions.get(hash) !== undefined) return "ended";
      if (iat > horizon + overlap) return "live";
      const readAt = checked.get(hash) ?? NEVER;
      if (readAt === Number.POSITIVE_INFINITY) return "ended";
      // A lookup close to the horizon's time may miss a mark. A second one, later, finds it in
      // time.
      return readAt > horizon + overlap || isWithin(now - readAt, overlap) ? "live" : "unknown";
    },

    settle(sid, result, readAt) {
      const hash = sessionHash(sid);
      checked.set(hash, result === "ended" ? Number.POSITIVE_INFINITY : readAt);
    },

    earliestStart(person, now) {
      // One second after the last ended time, because a credential's times are whole seconds.
      return Math.max(now, Math.ceil(latestMark(person) + CLOCK_SKEW + 1));
    },

    markedAt: endedAt,
  };
}
