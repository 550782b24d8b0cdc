import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createEndedList, type JudgedSession, OVERLAP } from "../../../service/ended/endedList.ts";
import {
  addressMark,
  EVERYBODY,
  type Mark,
  providerSessionMark,
  sessionHash,
  userMark,
  type Who,
} from "../../../service/ended/marks.ts";

const ISSUER = "https://accounts.example";
const LIFETIME = 604_800;
const NOW = 1_790_000_000;

function session(changes: Partial<JudgedSession> = {}): JudgedSession {
  return {
    sid: "a",
    iss: ISSUER,
    user_id: "1",
    user_email: "ada@example.com",
    provider_sid: "p1",
    iat: NOW,
    ...changes,
  };
}

function mark(who: Who, before: number): Mark {
  return { who, time: before, before };
}

function sessionMark(sid: string, before = NOW): Mark {
  return mark({ kind: "s", hash: sessionHash(sid) }, before);
}

const create = (options = {}) => createEndedList({ lifetime: LIFETIME, ...options });

describe("a session's own mark", () => {
  test("ends that session and no other, whenever it began", () => {
    const list = create();
    list.learn([sessionMark("a")]);
    expect(list.judge(session(), NOW)).toBe("ended");
    expect(list.judge(session({ iat: NOW + 100 }), NOW)).toBe("ended");
    expect(list.judge(session({ sid: "b" }), NOW)).toBe("live");
  });
});

describe("a person's mark", () => {
  test.each([
    ["the user", userMark(ISSUER, "1"), { user_id: "2" }],
    ["another issuer's user", userMark(ISSUER, "1"), { iss: "https://other.example" }],
    ["the address", addressMark("ada@example.com"), { user_email: "bob@example.com" }],
    ["no address", addressMark("ada@example.com"), { user_email: undefined }],
    ["the provider's session", providerSessionMark(ISSUER, "p1"), { provider_sid: "p2" }],
  ])("ends sessions of %s and nobody else's", (_what, who, other) => {
    const list = create();
    list.learn([mark(who, NOW)]);
    expect(list.judge(session(), NOW)).toBe("ended");
    expect(list.judge(session(other), NOW)).toBe("live");
  });

  test("of everybody ends all sessions that had begun before", () => {
    const list = create();
    list.learn([mark(EVERYBODY, NOW)]);
    expect(list.judge(session(), NOW)).toBe("ended");
    expect(list.judge(session({ iat: NOW + 3 }), NOW)).toBe("live");
  });

  test("ends sessions that were live until it came, however often it and others come", () => {
    const list = create();
    const other = session({ sid: "b", user_id: "2", user_email: undefined, provider_sid: "p2" });
    for (const [time, who] of [userMark(ISSUER, "1"), addressMark("x"), EVERYBODY].entries()) {
      expect([list.judge(other, NOW), list.judge(other, NOW)]).toEqual(["live", "live"]);
      list.learn([mark(who, NOW + time), mark(who, NOW + time)]);
      expect(list.judge(session(), NOW)).toBe("ended");
    }
    expect(list.judge(other, NOW)).toBe("ended");
    expect(list.judge({ ...other, sid: "c", iat: NOW + 5 }, NOW)).toBe("live");
  });

  test("tolerates clocks that are two seconds off", () => {
    const list = create();
    list.learn([mark(userMark(ISSUER, "1"), NOW)]);
    expect(list.judge(session({ iat: NOW + 2 }), NOW)).toBe("ended");
    expect(list.judge(session({ iat: NOW + 2.1 }), NOW)).toBe("live");
  });

  test("never undoes a later one", () => {
    const list = create();
    list.learn([mark(userMark(ISSUER, "1"), NOW), mark(userMark(ISSUER, "1"), NOW - 100)]);
    expect(list.judge(session(), NOW)).toBe("ended");
  });

  test("does not end a session that begins after it, in whole seconds", () => {
    fc.assert(
      fc.property(fc.double({ min: -50, max: 50, noNaN: true }), (ago) => {
        const list = create();
        list.learn([mark(addressMark("ada@example.com"), NOW - ago)]);
        const start = list.earliestStart(session(), NOW);
        expect(start).toBeGreaterThanOrEqual(NOW);
        expect(start).toBe(Math.round(start));
        expect(list.judge(session({ iat: start }), NOW)).toBe("live");
      }),
    );
  });

  test("is forgotten once no valid session can be older, and not before", () => {
    const list = create();
    const people = Array.from({ length: 3000 }, (_, i) => userMark(ISSUER, `person ${i}`));
    list.learn(people.map((who) => mark(who, NOW)));
    list.complete({ serverTime: NOW + LIFETIME });
    expect(people.every((who) => list.markedAt(who) === NOW)).toBe(true);
    list.learn(
      Array.from({ length: 5000 }, (_, i) => mark(userMark(ISSUER, `new ${i}`), NOW + LIFETIME)),
    );
    list.complete({ serverTime: NOW + LIFETIME + 3 });
    expect(people.every((who) => list.markedAt(who) === undefined)).toBe(true);
    expect(list.markedAt(userMark(ISSUER, "new 1"))).toBe(NOW + LIFETIME);
  });
});

describe("the watermark", () => {
  test("is the server's time of the last complete poll, less the overlap", () => {
    const list = create();
    expect(list.since()).toBeUndefined();
    list.complete({ serverTime: NOW });
    expect(list.since()).toBe(NOW - OVERLAP);
  });
});

describe("the horizon", () => {
  test("is where a poll stopped: sessions older than that are unknown", () => {
    const list = create();
    list.complete({ serverTime: NOW, gapBelow: NOW - 1000 });
    expect(list.judge(session({ iat: NOW - 1000 + OVERLAP }), NOW)).toBe("unknown");
    expect(list.judge(session({ iat: NOW - 1000 + OVERLAP + 1 }), NOW)).toBe("live");
  });

  test("ignores a name from the future", () => {
    const list = create();
    list.complete({ serverTime: NOW, gapBelow: NOW + 1_000_000 });
    expect(list.judge(session({ iat: NOW + OVERLAP + 1 }), NOW)).toBe("live");
  });

  test("never goes back", () => {
    const list = create();
    list.complete({ serverTime: NOW, gapBelow: NOW - 1000 });
    list.complete({ serverTime: NOW + 10, gapBelow: NOW - 5000 });
    expect(list.judge(session({ iat: NOW - 2000 }), NOW)).toBe("unknown");
  });

  test("does not apply to a session that was looked up, until it moves past the lookup", () => {
    const list = create();
    const old = session({ iat: NOW - 5000 });
    list.complete({ serverTime: NOW, gapBelow: NOW - 1000 });
    list.settle("a", "live", NOW);
    expect(list.judge(old, NOW)).toBe("live");
    expect(list.judge({ ...old, sid: "b" }, NOW)).toBe("unknown");
    list.complete({ serverTime: NOW + 100, gapBelow: NOW - OVERLAP });
    expect(list.judge(old, NOW + 100)).toBe("unknown");
    list.settle("a", "ended", NOW + 100);
    list.complete({ serverTime: NOW + 9000, gapBelow: NOW + 8000 });
    expect(list.judge(old, NOW + 9000)).toBe("ended");
  });

  test("at the current time causes one more lookup of a session after the overlap, not one for each request", () => {
    const list = create();
    const old = session({ iat: NOW - 5000 });
    list.complete({ serverTime: NOW, gapBelow: NOW - 1 });
    list.settle("a", "live", NOW);
    expect(list.judge(old, NOW + OVERLAP - 1)).toBe("live");
    expect(list.judge(old, NOW + OVERLAP)).toBe("unknown");
    // The clock was set back.
    expect(list.judge(old, NOW - 1)).toBe("unknown");
    list.settle("a", "live", NOW + OVERLAP);
    expect(list.judge(old, NOW + 9000)).toBe("live");
  });

  test("a session that was looked up is ended by a later mark", () => {
    const list = create();
    list.complete({ serverTime: NOW, gapBelow: NOW - 1000 });
    list.settle("a", "live", NOW);
    list.learn([sessionMark("a")]);
    expect(list.judge(session({ iat: NOW - 5000 }), NOW)).toBe("ended");
  });
});

test("it never judges an ended session live, however few marks it may keep", () => {
  const sids = fc.integer({ min: 0, max: 30 }).map(String);
  const event = fc.oneof(
    fc.record({ end: sids }),
    fc.record({ gapBelow: fc.nat(100) }),
    fc.record({ read: sids }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const list = create({ maxSessions: 5, maxChecked: 3 });
      const ended = new Set<string>();
      let now = NOW;
      for (const happens of events) {
        now += 7;
        if ("end" in happens) {
          ended.add(happens.end);
          list.learn([sessionMark(happens.end, now)]);
        } else if ("gapBelow" in happens) {
          list.complete({ serverTime: now, gapBelow: now - happens.gapBelow });
        } else {
          list.settle(happens.read, ended.has(happens.read) ? "ended" : "live", now);
        }
      }
      for (let sid = 0; sid <= 30; sid += 1) {
        const later = now + OVERLAP;
        const verdict = list.judge(session({ sid: String(sid), iat: NOW }), later);
        expect(verdict).not.toBe(ended.has(String(sid)) ? "live" : "ended");
      }
    }),
  );
});

test("250,000 ended sessions take at most 32 MB, and the last 100,000 of them are known", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const list = create();
  const sids: string[] = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let poll = 0; poll < 250; poll += 1) {
    const page = Array.from({ length: 1000 }, () => randomBytes(16).toString("base64url"));
    sids.push(...(poll >= 150 ? page : []));
    list.learn(page.map((sid) => sessionMark(sid, NOW + poll)));
    list.complete({ serverTime: NOW + poll });
  }
  for (let i = 0; i < 60_000; i += 1) list.settle(`old ${i}`, "live", NOW);
  const known = sids.filter((sid) => list.judge(session({ sid }), NOW) === "ended").length;
  sids.length = 0;
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(32e6);
  expect(known).toBe(100_000);
  expect(list.judge(session({ iat: NOW }), NOW)).toBe("unknown");
});
