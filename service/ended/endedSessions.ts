import { messageOf } from "../contract/errors.ts";
import type { Bucket } from "../google/bucket.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import type { EventLog } from "../process/eventLog.ts";
import { createRefresher } from "../process/refresher.ts";
import { createFreshRun } from "../pure/freshRun.ts";
import { isWithin } from "../pure/refreshSchedule.ts";
import type { Seconds } from "../pure/seconds.ts";
import { createSingleFlight } from "../pure/singleFlight.ts";
import { pollEnded } from "./endedFeed.ts";
import { createEndedList, type EndedList, type JudgedSession } from "./endedList.ts";
import { type Person, sessionHash, sessionObject, userMark, type Who } from "./marks.ts";
import { createMarkWriter } from "./markWriter.ts";
import { createRecentEntries } from "./recentEntries.ts";

/** Whether a session is valid; if unknown, the seconds after which to retry. */
export type Standing = "live" | "ended" | { readonly retryAfter: Seconds };

export interface EndableSession extends JudgedSession {
  readonly exp: Seconds;
}

/** The sessions that ended before they expired. Only methods that end sessions reject. */
export interface EndedSessions {
  /** Starts the first poll. */
  start(): void;
  /** Called for each request with a credential. Returns a promise only if it has to wait. */
  check(session: JudgedSession): Standing | Promise<Standing>;
  /**
   * Ends one session. This instance refuses it from now on, also if it rejects.
   * @throws OperatorError if other instances may go on accepting it.
   */
  endSession(session: Pick<EndableSession, "sid" | "exp">): Promise<void>;
  /**
   * Ends all sessions of those people.
   * @param before Unix time up to which they have begun; now, if it is left out.
   * @throws OperatorError if it can't be told that they have ended.
   */
  endPeople(who: Who, before?: Seconds): Promise<void>;
  /** `iat` of a session that begins now: not before now, and after all marks of the person. */
  startTime(person: Person): Promise<Seconds>;
  /** Time at which all sessions of the user were last ended, if this instance knows it. */
  endedAt(person: Person): Seconds | undefined;
}

/** Behaviour for sessions if no poll has been complete for `MAX_OUTAGE`. */
export type OnOutage = "continue" | "refuse";

export interface EndedSessionsDeps {
  /** The bucket that instances share; undefined if there is only this instance. */
  readonly bucket: { readonly toRead: Bucket; readonly toWrite: Bucket } | undefined;
  readonly onOutage: OnOutage;
  /** Seconds for which a session lasts at most. */
  readonly lifetime: Seconds;
  readonly log: EventLog;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly random?: () => number;
  readonly abortAfter?: AbortAfter;
  readonly list?: EndedList;
}

/** Every instance knows of an end within 20 s, for $1.30 to 2.60 a month and busy instance. */
const POLICY = { interval: 10, jitter: 0.2, maxAge: 20, waitLimit: 2 };

/** Seconds without a complete poll after which `OnOutage` decides. */
const MAX_OUTAGE: Seconds = 900;

/** Seconds after a failed lookup in which no other begins. */
const READ_BACKOFF: Seconds = 5;

/** Written marks that an instance remembers, so that repeated requests don't write them again. */
const MAX_WRITTEN = 10_000;

/**
 * Which sessions have ended, followed in a bucket by the requests that need to know. An outage of
 * the bucket signs nobody out.
 */
export function createEndedSessions({
  bucket,
  onOutage,
  lifetime,
  log,
  clock,
  random,
  abortAfter = AbortSignal.timeout,
  list = createEndedList({ lifetime }),
}: EndedSessionsDeps): EndedSessions {
  if (bucket === undefined) return createOwnEndedSessions(list, clock);
  const { toRead, toWrite } = bucket;
  const writer = createMarkWriter({ bucket: toWrite, clock });
  const poll = (onPage?: () => void) =>
    pollEnded({ bucket: toRead, list, lifetime, clock, onPage });
  let failing = false;
  const refresher = createRefresher({
    policy: POLICY,
    clock,
    random,
    abortAfter,
    read: poll,
    onSuccess(result) {
      list.complete(result);
      if (failing)
        log.info({ event: "ended_list_followed" }, "The list of the ended is read again");
      failing = false;
    },
    onFailure(error) {
      failing = true;
      const asOf = refresher.asOf();
      const age = asOf === undefined ? undefined : Math.round(clock() - asOf);
      log.error(
        { event: "ended_list_stale", cause: messageOf(error), list_age: age },
        age === undefined
          ? "The list of the ended could not be read yet: sessions that have ended go on"
          : `The list of the ended can't be read: going on with that of ${age} s ago`,
      );
    },
  });
  /** Since when lookups fail, and when the last one failed. */
  let readsFail: { readonly since: Seconds; readonly last: Seconds } | undefined;
  /** Sessions whose marks this instance has written already. */
  const written = createRecentEntries<true>(MAX_WRITTEN);
  const readOnce = createSingleFlight<Standing>();
  const writeOnce = createSingleFlight<void>();
  const freshPoll = createFreshRun(async () => list.complete(await poll()));

  function judge(session: JudgedSession): Standing | Promise<Standing> {
    const verdict = list.judge(session, clock());
    if (verdict === "ended") return "ended";
    if (verdict === "unknown") return readMark(session.sid);
    return standingSince(refresher.asOf());
  }

  /** The answer for a session that can't be judged newer than `asOf`. */
  function standingSince(asOf: Seconds | undefined): Standing {
    if (onOutage === "continue") return "live";
    const known = asOf !== undefined && isWithin(clock() - asOf, MAX_OUTAGE);
    return known ? "live" : { retryAfter: POLICY.interval };
  }

  function readMark(sid: string): Standing | Promise<Standing> {
    const now = clock();
    if (readsFail !== undefined && isWithin(now - readsFail.last, READ_BACKOFF)) {
      return standingSince(readsFail.since);
    }
    return readOnce(sid, () => read(sid, now));
  }

  async function read(sid: string, now: Seconds): Promise<Standing> {
    try {
      const found = await toRead.get(sessionObject(sid));
      const result = found === undefined ? "live" : "ended";
      list.settle(sid, result, now);
      readsFail = undefined;
      return result === "ended" ? result : standingSince(refresher.asOf());
    } catch (error) {
      readsFail = { since: readsFail?.since ?? now, last: clock() };
      const cause = messageOf(error);
      log.error(
        { event: "ended_mark_unreadable", cause },
        "Whether an old session has ended can't be read: it goes on",
      );
      return standingSince(readsFail.since);
    }
  }

  return {
    start: () => void refresher.refresh(),

    check(session) {
      const waiting = refresher.refresh();
      return waiting === undefined ? judge(session) : waiting.then(() => judge(session));
    },

    async endSession(session) {
      const hash = sessionHash(session.sid);
      learnSession(list, session.sid, clock());
      if (written.get(hash)) return;
      await writeOnce(hash, async () => {
        await writer.endSession(session);
        written.set(hash, true);
      });
    },

    endPeople(who, before) {
      // Calls of one second share a mark, which ends what begins within its clock skew too.
      const key = JSON.stringify([who, before ?? Math.floor(clock())]);
      return writeOnce(key, async () => {
        learnPeople(list, who, await writer.endPeople(who, before));
      });
    },

    async startTime(person) {
      const limit = abortAfter(POLICY.waitLimit * 1000);
      await unlessAborted(freshPoll(), limit).catch((error: unknown) => {
        log.warn(
          { event: "ended_list_not_polled", cause: messageOf(error) },
          "A session begins without the latest marks: one of the last seconds may end it at once",
        );
      });
      return list.earliestStart(person, clock());
    },

    endedAt: ({ iss, user_id }) => list.markedAt(userMark(iss, user_id)),
  };
}

/** Ended sessions of a single instance, without a bucket. */
function createOwnEndedSessions(list: EndedList, clock: () => Seconds): EndedSessions {
  return {
    start: () => undefined,
    check(session) {
      return list.judge(session, clock()) === "ended" ? "ended" : "live";
    },
    async endSession({ sid }) {
      learnSession(list, sid, clock());
    },
    async endPeople(who, before = clock()) {
      learnPeople(list, who, Math.min(before, clock()));
    },
    startTime: async (person) => list.earliestStart(person, clock()),
    endedAt: ({ iss, user_id }) => list.markedAt(userMark(iss, user_id)),
  };
}

function learnSession(list: EndedList, sid: string, now: Seconds): void {
  list.learn([{ who: { kind: "s", hash: sessionHash(sid) }, time: now, before: now }]);
}

function learnPeople(list: EndedList, who: Who, before: Seconds): void {
  list.learn([{ who, time: before, before }]);
}
