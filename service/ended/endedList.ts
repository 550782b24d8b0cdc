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

/** Seconds by which every list reaches back behind the watermark. */
export const OVERLAP = 10;

/**
 * Seconds by which a name's time and its `timeCreated` may be apart for a mark to count as
 * written. With two clocks that are 2 s off, it has to stay below the overlap.
 */
export const MAX_NAME_SKEW = 5;

/** Seconds by which instances' clocks are allowed to be off. */
const CLOCK_SKEW = 2;

/** Marks of sessions in memory: some 20 MB. */
const MAX_SESSIONS = 200_000;

/** Sessions older than the horizon that are known to be live or not: some 5 MB. */
const MAX_CHECKED = 50_000;

/** Marks of people from which on those that no session needs are forgotten. */
const MIN_PRUNED = 1000;

/** A session: fields of its credential. */
export interface JudgedSession extends Person {
  readonly sid: string;
  /** Unix time of its beginning, by the clock of the instance that began it. */
  readonly iat: Seconds;
}

/** `unknown`: it is older than the marks in memory, and one read of its own mark tells. */
export type Verdict = "live" | "ended" | "unknown";

/** What one complete poll of the feed came to. */
export interface CompletePoll {
  /** Server's time of its first page. */
  readonly serverTime: Seconds;
  /** The oldest name's time, if the poll ended before it reached what was known already. */
  readonly gapBelow?: Seconds;
}

/** What one instance knows of the sessions that have ended. Has no clock and does no I/O. */
export interface EndedList {
  /** Unix time from which on the next poll lists names; undefined before the first complete one. */
  since(): Seconds | undefined;
  /** Takes marks, the oldest first. */
  learn(marks: Iterable<Mark>): void;
  /** A poll has ended, and its marks were learned. */
  complete(poll: CompletePoll): void;
  judge(session: JudgedSession, now: Seconds): Verdict;
  /** The result of reading a session's own mark, begun at that time by this instance's clock. */
  settle(sid: string, result: "live" | "ended", readAt: Seconds): void;
  /** The earliest `iat` of a session that begins now and isn't ended by a mark of its person. */
  earliestStart(person: Omit<Person, "sid">, now: Seconds): Seconds;
  /** When the mark was made, if it is known. */
  markedAt(who: Who): Seconds | undefined;
}

export interface EndedListOptions {
  /** For how long a session lasts at most, and so a mark of a person is needed. */
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
  /** When each session's mark was made. */
  const sessions = createRecentEntries<Seconds>(maxSessions);
  const people = new Map<string, Seconds>();
  /**
   * When sessions older than the horizon were last seen to be live; infinity if they have ended.
   */
  const checked = createRecentEntries<Seconds>(maxChecked);
  let everybody = Number.NEGATIVE_INFINITY;
  /** The latest mark of each kind: a session that began after it needs no hash to be looked up. */
  const latest = {
    u: Number.NEGATIVE_INFINITY,
    e: Number.NEGATIVE_INFINITY,
    p: Number.NEGATIVE_INFINITY,
  };
  /** Marks of people so far, and for sessions that none of them ends how many there were then. */
  let changes = 0;
  const spared = createRecentEntries<number>(maxChecked);
  let watermark: Seconds | undefined;
  let horizon = Number.NEGATIVE_INFINITY;
  let pruneAt = MIN_PRUNED;

  function learnOne({ who, before }: Mark): void {
    if (who.kind === "s") {
      if (sessions.get(who.hash) !== undefined) return;
      for (const time of sessions.set(who.hash, before)) horizon = Math.max(horizon, time);
      return;
    }
    // The overlap of polls brings marks again and again.
    if (before <= (endedAt(who) ?? Number.NEGATIVE_INFINITY)) return;
    changes += 1;
    if (who.kind === "all") {
      everybody = before;
      return;
    }
    latest[who.kind] = Math.max(latest[who.kind], before);
    people.set(who.hash, before);
  }

  function endedAt(who: Who): Seconds | undefined {
    if (who.kind === "all") return Number.isFinite(everybody) ? everybody : undefined;
    return (who.kind === "s" ? sessions : people).get(who.hash);
  }

  /**
   * The latest mark of that person or of everybody; minus infinity if there is none. Marks that
   * can't end a session that began at `iat` may be left out.
   */
  function latestMark(
    { iss, user_id, user_email, provider_sid }: Omit<Person, "sid">,
    iat = Number.NEGATIVE_INFINITY,
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
      const readAt = checked.get(hash) ?? Number.NEGATIVE_INFINITY;
      if (readAt === Number.POSITIVE_INFINITY) return "ended";
      // A read beside a horizon of just now may miss a mark. One more, later, finds it in time.
      return readAt > horizon + overlap || isWithin(now - readAt, overlap) ? "live" : "unknown";
    },

    settle(sid, result, readAt) {
      const hash = sessionHash(sid);
      checked.set(hash, result === "ended" ? Number.POSITIVE_INFINITY : readAt);
    },

    earliestStart(person, now) {
      // One second more than what is still ended; a credential's times are whole seconds.
      return Math.max(now, Math.ceil(latestMark(person) + CLOCK_SKEW + 1));
    },

    markedAt: endedAt,
  };
}
