import { describe, expect, test } from "@jest/globals";
import {
  createEndedSessions,
  type EndableSession,
  type Standing,
} from "../../../service/ended/endedSessions.ts";
import {
  addressMark,
  EVERYBODY,
  markObject,
  parseMarkObject,
  sessionHash,
  userMark,
} from "../../../service/ended/marks.ts";
import { createMarkWriter } from "../../../service/ended/markWriter.ts";
import type { Bucket } from "../../../service/google/bucket.ts";
import { aborted } from "../../../service/process/abort.ts";
import {
  createEndedBench,
  type EndedBench,
  type EndedInstance,
  ISSUER,
  LIFETIME,
} from "../../support/endedBench.ts";

function sessionAt(iat: number, changes: Partial<EndableSession> = {}): EndableSession {
  const person = { iss: ISSUER, user_id: "1", user_email: "ada@example.com" };
  return { sid: "a", ...person, iat, exp: iat + LIFETIME, ...changes };
}

const BOUND = 20;

/** The random part of a mark's name. */
const RANDOM = "abcdefghij_";

async function check(
  bench: EndedBench,
  instance: EndedInstance,
  session: EndableSession,
): Promise<Standing> {
  return await bench.time.settle(instance.check(session));
}

/** Names of all objects, without their random parts. */
async function names(bench: EndedBench, prefix: string): Promise<string[]> {
  const { objects } = await bench.bucket(2).list({ prefix });
  return objects.map(({ name }) => name);
}

/** Adds marks of other sessions, one per millisecond up to now. */
function fill(bench: EndedBench, count: number): void {
  const now = bench.time.now();
  for (let i = 0; i < count; i += 1) {
    const who = { kind: "s", hash: sessionHash(`other ${i}`) } as const;
    const name = markObject("feed", { who, time: now - i / 1000 }, RANDOM);
    bench.standIn.objects.create("ended", { name, contentType: "text/plain" }, true);
  }
}

describe("a session that ends", () => {
  test("is refused by its instance at once, and by others within 20 s and one list", async () => {
    const bench = createEndedBench();
    const [one, other] = [bench.instance(), bench.instance()];
    const session = sessionAt(bench.time.now());
    expect(await check(bench, one, session)).toBe("live");
    expect(await check(bench, other, session)).toBe("live");
    await bench.time.settle(one.endSession(session));
    expect(one.check(session)).toBe("ended");
    const lists = bench.standIn.calls.list;
    await bench.time.advance(BOUND);
    expect(await check(bench, other, session)).toBe("ended");
    expect(bench.standIn.calls.list - lists).toBe(1);
  });

  test("is refused by an instance that starts later, and by one that was frozen for days", async () => {
    const bench = createEndedBench();
    const [one, frozen] = [bench.instance(), bench.instance()];
    const session = sessionAt(bench.time.now());
    expect(await check(bench, frozen, session)).toBe("live");
    await bench.time.settle(one.endSession(session));
    await bench.time.advance(3 * 86_400);
    expect(await check(bench, frozen, session)).toBe("ended");
    expect(await check(bench, bench.instance(), session)).toBe("ended");
  });

  test("keeps its mark until it would have expired", async () => {
    const bench = createEndedBench();
    const session = sessionAt(bench.time.now());
    await bench.time.settle(bench.instance().endSession(session));
    const { objects } = bench.standIn;
    for (const name of [...(await names(bench, "sessions/")), ...(await names(bench, "feed/"))]) {
      const { customTime } = objects.get("ended", name);
      expect(Date.parse(String(customTime))).toBe(session.exp * 1000);
    }
  });

  test("ends at its own instance even if the mark can't be written, and the caller gets an error", async () => {
    const bench = createEndedBench();
    const instance = bench.instance();
    const session = sessionAt(bench.time.now());
    bench.standIn.fail({ fault: "unavailable", on: ["create"] });
    await expect(bench.time.settle(instance.endSession(session))).rejects.toMatchObject({
      code: "CLOUD_STORAGE_SERVER_ERROR",
    });
    expect(await check(bench, instance, session)).toBe("ended");
    bench.standIn.heal();
    await bench.time.settle(instance.endSession(session));
    expect(await check(bench, bench.instance(), session)).toBe("ended");
  });

  test("counts as not written if its feed object is missing, which the next attempt writes", async () => {
    const bench = createEndedBench();
    const instance = bench.instance();
    const session = sessionAt(bench.time.now());
    // The first upload succeeds without a response, and the second fails.
    bench.standIn.fail({ fault: "lostAnswer", on: ["create"], times: 1 });
    await bench.time.settle(instance.endSession(session));
    expect(await names(bench, "sessions/")).toHaveLength(1);
    expect(await names(bench, "feed/")).toHaveLength(1);
  });
});

describe("the writer's clock", () => {
  test.each([
    ["a minute behind", -60],
    ["a year behind", -31_536_000],
  ])("%s: the mark is written again under the server's time", async (_what, clockOffset) => {
    const bench = createEndedBench();
    const other = bench.instance();
    const session = sessionAt(bench.time.now() - 100);
    expect(await check(bench, other, session)).toBe("live");
    await bench.time.settle(bench.instance({ clockOffset }).endSession(session));
    const times = (await names(bench, "feed/")).map((name) => parseMarkObject(name)?.time);
    expect(times).toEqual([bench.time.now(), bench.time.now() + clockOffset]);
    await bench.time.advance(BOUND);
    expect(await check(bench, other, session)).toBe("ended");
  });

  test("a minute ahead: one mark is enough", async () => {
    const bench = createEndedBench();
    const other = bench.instance();
    const session = sessionAt(bench.time.now());
    expect(await check(bench, other, session)).toBe("live");
    await bench.time.settle(bench.instance({ clockOffset: 60 }).endSession(session));
    expect(await names(bench, "feed/")).toHaveLength(1);
    await bench.time.advance(BOUND);
    expect(await check(bench, other, session)).toBe("ended");
  });

  test("does not decide which of a person's sessions end: the server's does", async () => {
    const bench = createEndedBench();
    const writer = bench.instance({ clockOffset: -86_400 });
    const begun = sessionAt(bench.time.now() - 3600);
    await bench.time.settle(writer.endPeople(userMark(ISSUER, "1")));
    expect(await check(bench, bench.instance(), begun)).toBe("ended");
    expect(await check(bench, writer, begun)).toBe("ended");
  });
});

test("an upload that takes longer than the overlap is written again, and found", async () => {
  const bench = createEndedBench();
  const [writer, other] = [bench.instance({ writeTimeout: 60 }), bench.instance()];
  const session = sessionAt(bench.time.now());
  bench.standIn.setUploadTime(12);
  const writing = writer.endSession(session);
  for (let second = 0; second < 60; second += 2) {
    await bench.time.advance(2);
    await check(bench, other, sessionAt(bench.time.now(), { sid: "b" }));
  }
  await writing;
  expect(await check(bench, other, session)).toBe("ended");
});

test("a mark whose uploads take longer each time does not count as written", async () => {
  let now = 1_790_000_000;
  let takes = 10;
  const bucket: Pick<Bucket, "create"> = {
    async create({ name, metadata = {} }) {
      takes *= 2;
      now += takes;
      return { name, timeCreated: now, metadata };
    },
  };
  const writer = createMarkWriter({ bucket: bucket as Bucket, clock: () => now });
  await expect(writer.endSession(sessionAt(now))).rejects.toMatchObject({
    code: "MARK_NOT_WRITTEN",
  });
});

describe("all sessions of a user", () => {
  test.each([
    ["user", userMark(ISSUER, "1")],
    ["address", addressMark("Ada@Example.com")],
    ["everybody", EVERYBODY],
  ])("are ended by the mark of the %s, and the next session is not", async (_what, who) => {
    const bench = createEndedBench();
    const [one, other] = [bench.instance(), bench.instance({ clockOffset: -2 })];
    const old = sessionAt(bench.time.now() - 10);
    expect(await check(bench, other, old)).toBe("live");
    await bench.time.settle(one.endPeople(who));
    expect(await check(bench, one, old)).toBe("ended");
    await bench.time.advance(1);
    const iat = await bench.time.settle(other.startTime(old));
    const next = sessionAt(iat, { sid: "next" });
    await bench.time.advance(BOUND);
    for (const instance of [one, other, bench.instance()]) {
      expect(await check(bench, instance, old)).toBe("ended");
      expect(await check(bench, instance, next)).toBe("live");
    }
  });

  test("are ended up to the second request, also while the first is being uploaded", async () => {
    const bench = createEndedBench();
    const instance = bench.instance();
    const who = userMark(ISSUER, "1");
    bench.standIn.setUploadTime(4);
    const first = instance.endPeople(who);
    await bench.time.advance(7);
    const between = sessionAt(bench.time.now(), { sid: "between" });
    await bench.time.advance(0.5);
    await bench.time.settle(Promise.all([first, instance.endPeople(who)]));
    expect(await check(bench, bench.instance(), between)).toBe("ended");
  });

  test("are ended up to the time of a logout token, and later ones are not", async () => {
    const bench = createEndedBench();
    const [one, other] = [bench.instance(), bench.instance()];
    const now = bench.time.now();
    await bench.time.settle(one.endPeople(userMark(ISSUER, "1"), now - 100));
    await bench.time.settle(one.endPeople(userMark(ISSUER, "2"), now + 100));
    for (const instance of [one, other]) {
      expect(await check(bench, instance, sessionAt(now - 101))).toBe("ended");
      expect(await check(bench, instance, sessionAt(now - 90))).toBe("live");
      expect(await check(bench, instance, sessionAt(now + 50, { user_id: "2" }))).toBe("live");
    }
  });

  test("a sign-in continues if the bucket can't be read, and logs it", async () => {
    const bench = createEndedBench();
    const instance = bench.instance();
    bench.standIn.fail({ fault: "hang" });
    const begun = bench.time.now();
    expect(await bench.time.settle(instance.startTime(sessionAt(begun)))).toBe(begun + 2);
    expect(instance.lines).toContainEqual(
      expect.objectContaining({ level: "warn", event: "ended_list_not_polled" }),
    );
  });

  test("concurrent sign-ins share a poll", async () => {
    const bench = createEndedBench();
    const instance = bench.instance();
    const session = sessionAt(bench.time.now());
    const starts = Array.from({ length: 50 }, () => instance.startTime(session));
    await bench.time.settle(Promise.all(starts));
    expect(bench.standIn.calls.list).toBe(1);
  });
});

describe("a new instance", () => {
  test("reads two lists, whatever the number of ended sessions", async () => {
    const bench = createEndedBench();
    fill(bench, 2500);
    await bench.time.advance(20);
    const { calls } = bench.standIn;
    await check(bench, bench.instance(), sessionAt(bench.time.now()));
    expect(calls).toMatchObject({ list: 2, get: 0 });
  });

  test("looks up once a session that is older than its list", async () => {
    const bench = createEndedBench();
    const old = sessionAt(bench.time.now() - 100);
    const gone = sessionAt(bench.time.now() - 100, { sid: "gone" });
    await bench.time.settle(bench.instance().endSession(gone));
    await bench.time.advance(60);
    fill(bench, 1500);
    await bench.time.advance(20);
    const instance = bench.instance();
    const checks = Array.from({ length: 5 }, () => instance.check(old));
    expect(await bench.time.settle(Promise.all(checks))).toEqual(Array(5).fill("live"));
    expect(await check(bench, instance, gone)).toBe("ended");
    expect(await check(bench, instance, gone)).toBe("ended");
    expect(bench.standIn.calls.get).toBe(2);
    expect(instance.check(old)).toBe("live");
  });

  test("reads people's marks even if they are older than its list", async () => {
    const bench = createEndedBench();
    const old = sessionAt(bench.time.now() - 100);
    await bench.time.settle(bench.instance().endPeople(userMark(ISSUER, "1")));
    await bench.time.advance(60);
    fill(bench, 1500);
    expect(await check(bench, bench.instance(), old)).toBe("ended");
    expect(bench.standIn.calls.get).toBe(0);
  });
});

test("a poll that takes longer than the interval completes, and reads each page once", async () => {
  const bench = createEndedBench();
  const now = bench.time.now();
  const { calls, objects } = bench.standIn;
  fill(bench, 1500);
  for (let i = 0; i < 15_500; i += 1) {
    const name = markObject("people", { who: userMark(ISSUER, `${i}`), time: now - i }, RANDOM);
    objects.create("ended", { name, contentType: "text/plain" }, true);
  }
  const instance = bench.instance({
    async fetch(url, init) {
      await aborted(bench.time.abortAfter(1500));
      return bench.standIn.fetch(url, init);
    },
  });
  const session = sessionAt(now - 1, { user_id: "nobody", user_email: undefined });
  const checks: unknown[] = [];
  for (let second = 0; second < 30; second += 1) {
    await bench.time.advance(1);
    checks.push(instance.check(session));
  }
  expect(calls.list).toBeLessThanOrEqual(17 + 1);
  const gone = sessionAt(now - 15_500, { sid: "gone", user_id: "15499" });
  expect(await check(bench, instance, gone)).toBe("ended");
  expect(instance.check(sessionAt(bench.time.now()))).toBe("live");
  expect(await bench.time.settle(Promise.all(checks))).toEqual(Array(30).fill("live"));
});

test("an instance that missed more marks than it reads in a poll starts over", async () => {
  const bench = createEndedBench();
  const instance = bench.instance();
  const old = sessionAt(bench.time.now());
  const gone = { ...old, sid: "gone" };
  const person = { ...old, user_id: "2", user_email: undefined };
  expect(await check(bench, instance, old)).toBe("live");
  await bench.time.settle(bench.instance().endSession(gone));
  await bench.time.settle(bench.instance().endPeople(userMark(ISSUER, "2")));
  await bench.time.advance(3600);
  fill(bench, 10_500);
  expect(await check(bench, instance, gone)).toBe("ended");
  expect(await check(bench, instance, person)).toBe("ended");
  expect(await check(bench, instance, old)).toBe("live");
  expect(bench.standIn.calls.get).toBe(2);
});

test("a poll reads further pages", async () => {
  const bench = createEndedBench();
  const [one, instance] = [bench.instance(), bench.instance()];
  const session = sessionAt(bench.time.now());
  expect(await check(bench, instance, session)).toBe("live");
  await bench.time.settle(one.endSession(session));
  await bench.time.advance(5);
  fill(bench, 1500);
  await bench.time.advance(15);
  expect(await check(bench, instance, session)).toBe("ended");
  expect(bench.standIn.calls.get).toBe(0);
});

test("requests cause one list call per 10 s, whatever their number", async () => {
  const bench = createEndedBench();
  const instance = bench.instance();
  const session = sessionAt(bench.time.now());
  await check(bench, instance, session);
  const { calls } = bench.standIn;
  const before = calls.list;
  for (let second = 0; second < 600; second += 1) {
    await bench.time.advance(1);
    await Promise.all([instance.check(session), instance.check({ ...session, sid: "b" })]);
  }
  expect(calls.list - before).toBeLessThanOrEqual(60);
  expect(calls.list - before).toBeGreaterThanOrEqual(50);
});

test("objects that are not marks are ignored", async () => {
  const bench = createEndedBench();
  const { objects } = bench.standIn;
  for (const name of ["feed/README", "people/x~all~y", "feed/0~s:~"]) {
    objects.create("ended", { name, contentType: "text/plain" }, true);
  }
  expect(await check(bench, bench.instance(), sessionAt(bench.time.now()))).toBe("live");
});

describe("an outage of the bucket", () => {
  const FAULTS = [
    "unreachable",
    "hang",
    "forbidden",
    "exhausted",
    "unavailable",
    "garbage",
    "nonsense",
    "proxy404",
  ] as const;

  test.each(FAULTS)(
    "(%s) of an hour signs nobody out, and is logged as an error",
    async (fault) => {
      const bench = createEndedBench();
      const [instance, late] = [bench.instance(), bench.instance()];
      const session = sessionAt(bench.time.now());
      const gone = { ...session, sid: "gone" };
      await check(bench, instance, session);
      await bench.time.settle(instance.endSession(gone));
      bench.standIn.fail({ fault });
      for (let minute = 0; minute < 60; minute += 1) {
        await bench.time.advance(60);
        expect(await check(bench, instance, session)).toBe("live");
        expect(await check(bench, late, session)).toBe("live");
        expect(await check(bench, instance, gone)).toBe("ended");
      }
      for (const { lines } of [instance, late]) {
        expect(lines).toContainEqual(
          expect.objectContaining({ level: "error", event: "ended_list_stale" }),
        );
      }
      bench.standIn.heal();
      await bench.time.advance(30);
      expect(await check(bench, late, gone)).toBe("ended");
      expect(late.lines.at(-1)).toMatchObject({ level: "info", event: "ended_list_followed" });
    },
  );

  test("makes requests fail after 15 minutes with endedOutage refuse, and from the start on a new instance", async () => {
    const bench = createEndedBench();
    const instance = bench.instance({ onOutage: "refuse" });
    const session = sessionAt(bench.time.now());
    const unavailable = { retryAfter: 10 };
    expect(await check(bench, instance, session)).toBe("live");
    bench.standIn.fail({ fault: "unavailable" });
    await bench.time.advance(899);
    expect(await check(bench, instance, session)).toBe("live");
    await bench.time.advance(2);
    expect(await check(bench, instance, session)).toEqual(unavailable);
    const late = bench.instance({ onOutage: "refuse" });
    expect(await check(bench, late, session)).toEqual(unavailable);
    bench.standIn.heal();
    await bench.time.advance(30);
    expect(await check(bench, instance, session)).toBe("live");
    expect(await check(bench, late, session)).toBe("live");
  });

  test("of lookups alone lets old sessions continue, and makes them fail later with endedOutage refuse", async () => {
    const bench = createEndedBench();
    const old = sessionAt(bench.time.now() - 100);
    fill(bench, 1500);
    bench.standIn.fail({ fault: "unavailable", on: ["get"] });
    const [one, other] = [bench.instance(), bench.instance({ onOutage: "refuse" })];
    for (let minute = 0; minute < 15; minute += 1) {
      expect(await check(bench, one, old)).toBe("live");
      expect(await check(bench, other, old)).toBe("live");
      await bench.time.advance(60);
    }
    expect(await check(bench, one, old)).toBe("live");
    expect(await check(bench, other, old)).toEqual({ retryAfter: 10 });
    bench.standIn.heal();
    await bench.time.advance(6);
    expect(await check(bench, other, old)).toBe("live");
  });

  test("of lookups causes one call per five seconds, not one for each request", async () => {
    const bench = createEndedBench();
    const old = sessionAt(bench.time.now() - 100);
    fill(bench, 1500);
    const instance = bench.instance();
    bench.standIn.fail({ fault: "unavailable", on: ["get"] });
    for (let second = 0; second < 60; second += 1) {
      await check(bench, instance, old);
      await bench.time.advance(1);
    }
    expect(bench.standIn.calls.get).toBeLessThanOrEqual(12);
  });
});

describe("without a bucket", () => {
  test("an instance knows the sessions that ended at itself", async () => {
    const now = 1_790_000_000;
    const log = { info() {}, warn() {}, error() {} };
    const options = { onOutage: "continue", lifetime: LIFETIME, log, clock: () => now } as const;
    const ended = createEndedSessions({ bucket: undefined, ...options });
    const session = sessionAt(now);
    ended.start();
    expect(ended.check(session)).toBe("live");
    await ended.endSession(session);
    expect(ended.check(session)).toBe("ended");
    const other = { ...session, sid: "b" };
    await ended.endPeople(userMark(ISSUER, "1"));
    expect(ended.check(other)).toBe("ended");
    expect(ended.endedAt(other)).toBe(now);
    const iat = await ended.startTime(other);
    expect(ended.check({ ...other, sid: "c", iat })).toBe("live");
  });
});
