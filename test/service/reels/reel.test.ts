import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ClipStore } from "../../../service/reels/clips.ts";
import { parseReel, REEL_LIMIT, savedReel } from "../../../service/reels/reel.ts";
import type { Clip } from "../../../service/reels/wire.ts";

/** A store of more clips than a reel may have. */
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
/** Anything that isn't the id of a clip. */
const noClip = fc
  .oneof(unknownId, fc.jsonValue())
  .filter((value) => typeof value !== "string" || !IDS.includes(value));

function problemOf(clips: unknown): unknown {
  const parsed = parseReel({ clips }, store);
  return "problem" in parsed ? parsed.problem : parsed;
}

test("a list of different clips up to the limit is accepted unchanged", () => {
  fc.assert(
    fc.property(orders, (clips) => {
      expect(parseReel({ clips }, store)).toEqual({ reel: clips });
    }),
  );
});

test("any body gives either a valid reel or a problem", () => {
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

test("the problem for a body of another form names the right form", () => {
  for (const body of [undefined, null, "embers", 1, [], ["clip-1"], {}, { clips: "clip-1" }]) {
    expect(parseReel(body, store)).toEqual({
      problem: 'The body is not JSON of the form {"clips": ["some-clip"]}.',
    });
  }
});

test("one clip more than the limit is refused with the limit", () => {
  expect(parseReel({ clips: IDS.slice(0, REEL_LIMIT) }, store)).toHaveProperty("reel");
  expect(problemOf(IDS.slice(0, REEL_LIMIT + 1))).toBe(`A reel has at most ${REEL_LIMIT} clips.`);
});

test("the problem names the first entry that is no clip by its position, without quoting it", () => {
  fc.assert(
    fc.property(fc.array(noClip, { minLength: 1, maxLength: 3 }), fc.nat(3), (wrong, place) => {
      const clips: unknown[] = IDS.slice(0, 3);
      clips.splice(place, 0, ...wrong);
      expect(problemOf(clips)).toBe(`Entry ${place + 1} of the reel is not a known clip.`);
    }),
  );
});

test("a clip that occurs twice is named", () => {
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

test("a saved reel is returned unchanged", () => {
  fc.assert(fc.property(orders, (clips) => expect(savedReel(clips, store)).toEqual(clips)));
});

test("clips that no longer exist are omitted, and the others keep their order", () => {
  fc.assert(
    fc.property(orders, fc.subarray(IDS), (clips, left) => {
      const expected = clips.filter((id) => left.includes(id));
      expect(savedReel(clips, storeOf(left))).toEqual(expected);
    }),
  );
});

test("a session whose reel is not a list has no saved reel", () => {
  for (const nothing of [undefined, null, "", "clip-1", 0, { clips: ["clip-1"] }, { length: 1 }]) {
    expect(savedReel(nothing, store)).toBeNull();
  }
  expect(savedReel([], store)).toEqual([]);
});

test("whatever another version stored in a session, the result can be saved again", () => {
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
