import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  addressMark,
  EVERYBODY,
  type Folder,
  firstNameBefore,
  markObject,
  parseMarkObject,
  providerSessionMark,
  sessionHash,
  sessionObject,
  userMark,
  type Who,
} from "../../../service/ended/marks.ts";
import { anyUrl } from "../../support/arbitraries.ts";

const folders = fc.constantFrom<Folder>("people", "feed");
const whos = fc.oneof(
  fc.constant(EVERYBODY),
  fc.string().map((sid): Who => ({ kind: "s", hash: sessionHash(sid) })),
  fc.tuple(anyUrl, fc.string()).map(([issuer, subject]) => userMark(issuer, subject)),
  fc.emailAddress().map(addressMark),
);
/** Unix seconds with milliseconds, up to the year 2286. */
const times = fc.nat(Number.MAX_SAFE_INTEGER).map((n) => (n % 9_999_999_999_999) / 1000);
const RANDOM = "abcdefghij_";

test("parsing a name returns its parts", () => {
  fc.assert(
    fc.property(folders, whos, times, (folder, who, time) => {
      expect(parseMarkObject(markObject(folder, { who, time }, RANDOM))).toEqual({ who, time });
    }),
  );
});

test("names sort by time, newest first", () => {
  fc.assert(
    fc.property(folders, whos, whos, times, times, (folder, one, other, earlier, later) => {
      fc.pre(earlier < later);
      const first = markObject(folder, { who: one, time: later }, RANDOM);
      const second = markObject(folder, { who: other, time: earlier }, RANDOM);
      expect(first < second).toBe(true);
    }),
  );
});

test("a list up to a time's limit has exactly the names of that time and later", () => {
  fc.assert(
    fc.property(folders, whos, times, times, (folder, who, time, since) => {
      const listed = markObject(folder, { who, time }, RANDOM) < firstNameBefore(folder, since);
      expect(listed).toBe(time >= since);
    }),
  );
});

test("a session's object is named by a hash of the session's id", () => {
  expect(sessionObject("sid")).toBe("sessions/CQdh4bBjTERl-54Tczdh3xYb0C7VyzJr8xZt8hgA8gg");
});

test("marks of users, addresses and providers' sessions never collide", () => {
  const parts = fc.tuple(anyUrl, fc.string(), fc.string());
  fc.assert(
    fc.property(parts, parts, ([issuer, subject, address], [otherIssuer, otherSubject]) => {
      fc.pre(issuer !== otherIssuer || subject !== otherSubject);
      const marks = [
        userMark(issuer, subject),
        userMark(otherIssuer, otherSubject),
        providerSessionMark(issuer, subject),
        addressMark(address),
      ];
      expect(new Set(marks.map((who) => JSON.stringify(who))).size).toBe(marks.length);
    }),
  );
});

test("an address gives the same mark in any case", () => {
  expect(addressMark("Ada@Example.com")).toEqual(addressMark("ada@example.com"));
});

const HASH = "C0pg_tCHk3ljxPIqcDSpAsdWC22kJNSxxxmwgGbZzRU";

test.each([
  ["nothing", ""],
  ["a session's own object", `sessions/${HASH}`],
  ["another folder", `food/8231234567890~s:${HASH}~${RANDOM}`],
  ["no time", `feed/~s:${HASH}~${RANDOM}`],
  ["a time with a sign", `feed/-231234567890~s:${HASH}~${RANDOM}`],
  ["a time of another length", `feed/82312345678901~s:${HASH}~${RANDOM}`],
  ["an unknown kind", `feed/8231234567890~x:${HASH}~${RANDOM}`],
  ["no hash", `feed/8231234567890~s:~${RANDOM}`],
  ["a hash cut short", `feed/8231234567890~s:${HASH.slice(1)}~${RANDOM}`],
  [
    "a hash that is not in canonical base64url",
    `feed/8231234567890~s:${HASH.slice(0, -1)}V~${RANDOM}`,
  ],
  ["everybody with a hash", `feed/8231234567890~all:${HASH}~${RANDOM}`],
  ["no random part", `feed/8231234567890~all~`],
  ["a suffix", `feed/8231234567890~all~${RANDOM}x`],
  ["a second line", `feed/8231234567890~all~${RANDOM}\n`],
])("a name with %s is not a mark", (_what, name) => {
  expect(parseMarkObject(name)).toBeUndefined();
});
