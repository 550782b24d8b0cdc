import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createRecent, type Recent } from "../../../service/session/recent.ts";

/** Texts that differ at their beginnings only, and others. */
const text = fc.oneof(
  fc.nat(5).map((n) => `${n}${"x".repeat(40)}`),
  fc.nat(9).map((n) => `${"x".repeat(40)}${n}`),
  fc.constantFrom("", "a", "b"),
);

/** Only what comes again is remembered. */
function setTwice<Value>(recent: Recent<Value>, text: string, value: Value): void {
  recent.set(text, value);
  recent.set(text, value);
}

test("nothing is remembered of a text that came once, and what was last said of one that came twice", () => {
  const recent = createRecent<number>(4);
  recent.set("once", 1);
  expect(recent.get("once")).toBeUndefined();
  recent.set("once", 2);
  expect(recent.get("once")).toBe(2);
});

test("texts that come once each push out nothing that is asked for", () => {
  const recent = createRecent<string>(10);
  setTwice(recent, "often", "here");
  for (let n = 0; n < 1000; n += 1) {
    recent.set(`text ${n}`, "");
    expect(recent.get("often")).toBe("here");
    expect(recent.get(`text ${n}`)).toBeUndefined();
  }
});

test("what is remembered is what was last said about that very text", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(text, fc.nat())),
      (size, said) => {
        const recent = createRecent<number>(size);
        const truth = new Map<string, number>();
        for (const [about, value] of said) {
          setTwice(recent, about, value);
          truth.set(about, value);
          expect(recent.get(about)).toBe(value);
          for (const [other, known] of truth)
            expect([known, undefined]).toContain(recent.get(other));
        }
      },
    ),
  );
});

test("the last texts stay, up to the size asked for", () => {
  const recent = createRecent<number>(10);
  for (let n = 0; n < 1000; n += 1) {
    setTwice(recent, `text ${n}`, n);
    for (let back = 0; back < Math.min(10, n); back += 1) {
      expect(recent.get(`text ${n - back}`)).toBe(n - back);
    }
  }
});

test("no more than twice the size asked for is kept", () => {
  const recent = createRecent<number>(10);
  for (let n = 0; n < 1000; n += 1) setTwice(recent, `text ${n}`, n);
  const kept = Array.from({ length: 1000 }, (_, n) => `text ${n}`).filter(
    (text) => recent.get(text) !== undefined,
  );
  expect(kept.length).toBeLessThanOrEqual(20);
});

test("a text that is asked for often outlives others", () => {
  const recent = createRecent<string>(10);
  setTwice(recent, "often", "here");
  for (let n = 0; n < 1000; n += 1) {
    setTwice(recent, `text ${n}`, "");
    expect(recent.get("often")).toBe("here");
  }
});
