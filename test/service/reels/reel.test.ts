import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ClipStore } from "../../../service/reels/clips.ts";
import { parseReel, REEL_LIMIT, savedReel } from "../../../service/reels/reel.ts";
import type { Clip } from "../../../service/reels/wire.ts";

/** More clips than a reel may have. */
const IDS = Array.from({ length: REEL_LIMIT + 8 }, (_, index) => `clip-${index}`);

function storeOf(ids: readonly string[]): Pick<ClipStore, "find"> {
  return { find: (id) => (ids.includes(id) ? ({ id } as Clip) : undefined) };
}

const store = storeOf(IDS);
const orders = fc.uniqueArray(fc.constantFrom(...IDS), { maxLength: REEL_LIMIT });
const unknownId = fc.oneof(
  fc.string().filter((id) => !IDS.includes(id)),
  fc.constantFrom("__proto__", "constructor", "toString", "CLIP-1", "clip-1 ", "../clip-1", ""),
);
/** Anything that is no clip. */
const noClip = fc
  .oneof(unknownId, fc.jsonValue())
  .filter((value) => typeof value !== "string" || !IDS.includes(value));

function problemOf(clips: unknown): unknown {
  const parsed = parseReel({ clips }, store);
  return "problem" in parsed ? parsed.problem : parsed;
}

test("an order of clips, each once and no more than the limit, is a reel as it is", () => {
  fc.assert(
    fc.property(orders, (clips) => {
      expect(parseReel({ clips }, store)).toEqual({ reel: clips });
    }),
  );
});

test("whatever else is sent is told apart: there is a reel that obeys the rules, or a problem", () => {
  const entries = fc.oneof(fc.constantFrom(...IDS), noClip);
  const bodies = fc.oneof(
    fc.anything(),
    fc.record({ clips: fc.anything() }),
    fc.record({ clips: fc.array(entries) }),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      const parsed = parseReel(body, store);
      if ("problem" in parsed) expect(parsed.problem).toMatch(/^[A-Z].*\.$/);
      else {
        expect(parsed.reel).toEqual((body as { clips: unknown }).clips);
        expect(parsed.reel.length).toBeLessThanOrEqual(REEL_LIMIT);
        expect(new Set(parsed.reel).size).toBe(parsed.reel.length);
        expect(IDS).toEqual(expect.arrayContaining(parsed.reel));
      }
    }),
  );
});

test("a body of another form is told which form it should have", () => {
  for (const body of [undefined, null, "embers", 1, [], ["clip-1"], {}, { clips: "clip-1" }]) {
    expect(parseReel(body, store)).toEqual({
      problem: 'The body is not JSON of the form {"clips": ["some-clip"]}.',
    });
  }
});

test("one clip more than the limit is refused, and the limit is named", () => {
  expect(parseReel({ clips: IDS.slice(0, REEL_LIMIT) }, store)).toHaveProperty("reel");
  expect(problemOf(IDS.slice(0, REEL_LIMIT + 1))).toBe(`A reel has at most ${REEL_LIMIT} clips.`);
});

test("the first entry that is no clip is named by its number, never repeated", () => {
  fc.assert(
    fc.property(fc.array(noClip, { minLength: 1, maxLength: 3 }), fc.nat(3), (wrong, place) => {
      const clips: unknown[] = IDS.slice(0, 3);
      clips.splice(place, 0, ...wrong);
      expect(problemOf(clips)).toBe(`Number ${place + 1} of the reel is not a clip that there is.`);
    }),
  );
});

test("a clip that is in the order twice is named", () => {
  const twice = fc
    .uniqueArray(fc.constantFrom(...IDS), { minLength: 1, maxLength: REEL_LIMIT - 1 })
    .chain((clips) => fc.tuple(fc.constant(clips), fc.nat(clips.length - 1), fc.nat()));
  fc.assert(
    fc.property(twice, ([clips, from, at]) => {
      const id = clips[from] ?? "";
      const more = clips.toSpliced(at % (clips.length + 1), 0, id);
      expect(problemOf(more)).toBe(`The clip ${id} is in the reel twice.`);
    }),
  );
});

test("a reel that was saved comes back as it was", () => {
  fc.assert(fc.property(orders, (clips) => expect(savedReel(clips, store)).toEqual(clips)));
});

test("clips that are gone are left out, and the others keep their order", () => {
  fc.assert(
    fc.property(orders, fc.subarray(IDS), (clips, left) => {
      const expected = clips.filter((id) => left.includes(id));
      expect(savedReel(clips, storeOf(left))).toEqual(expected);
    }),
  );
});

test("no reel was saved where the session has nothing of that kind", () => {
  for (const nothing of [undefined, null, "", "clip-1", 0, { clips: ["clip-1"] }, { length: 1 }]) {
    expect(savedReel(nothing, store)).toBeNull();
  }
  expect(savedReel([], store)).toEqual([]);
});

test("whatever another version left in a session, what comes of it can be saved again", () => {
  const left = fc.oneof(
    fc.anything(),
    fc.array(fc.oneof(fc.constantFrom(...IDS), noClip), { size: "large" }),
  );
  fc.assert(
    fc.property(left, (reel) => {
      const clips = savedReel(reel, store);
      if (clips !== null) expect(parseReel({ clips }, store)).toEqual({ reel: clips });
    }),
  );
});
