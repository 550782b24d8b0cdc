import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  chooseStart,
  createDrafts,
  type DraftStorage,
} from "../../../../service/reels/page/draft.ts";

function memory(): DraftStorage & { readonly items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

test("a draft is restored for the user who made it", () => {
  const storage = memory();
  createDrafts(storage, "ada").write({ clips: ["aurora", "coral"], base: ["aurora"] });
  const draft = createDrafts(storage, "ada").read();
  expect(draft).toEqual({ clips: ["aurora", "coral"], base: ["aurora"] });
});

test("another user can't read a draft, and overwrites it", () => {
  const storage = memory();
  createDrafts(storage, "ada").write({ clips: ["aurora"], base: [] });
  const drafts = createDrafts(storage, "grace");
  expect(drafts.read()).toBeUndefined();
  drafts.write({ clips: ["coral"], base: [] });
  expect(createDrafts(storage, "ada").read()).toBeUndefined();
  expect([...storage.items.values()].join()).not.toContain("ada");
});

test("after clearing, nothing is left in the browser", () => {
  const storage = memory();
  const drafts = createDrafts(storage, "ada");
  drafts.write({ clips: ["aurora"], base: [] });
  drafts.clear();
  expect(storage.items.size).toBe(0);
  expect(drafts.read()).toBeUndefined();
});

test("any other stored value is ignored", () => {
  const storage = memory();
  const drafts = createDrafts(storage, "ada");
  drafts.write({ clips: ["aurora"], base: [] });
  const [key = ""] = storage.items.keys();
  const shapes = fc.record(
    { user: fc.constant("ada"), clips: fc.jsonValue(), base: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const values = fc.oneof(
    fc.string(),
    fc.json(),
    shapes.map((shape) => JSON.stringify(shape)),
  );
  fc.assert(
    fc.property(values, (value) => {
      storage.setItem(key, value);
      const draft = drafts.read();
      for (const id of [...(draft?.clips ?? []), ...(draft?.base ?? [])]) {
        expect(typeof id).toBe("string");
      }
    }),
  );
  storage.setItem(key, '{"user":"ada","clips":[1],"base":[]}');
  expect(drafts.read()).toBeUndefined();
  storage.setItem(key, '{"user":"ada","clips":["aurora"]}');
  expect(drafts.read()).toBeUndefined();
});

test("storage that is full or disabled is ignored", () => {
  const refuse = () => {
    throw new Error("switched off");
  };
  for (const storage of [undefined, { getItem: refuse, setItem: refuse, removeItem: refuse }]) {
    const drafts = createDrafts(storage, "ada");
    drafts.write({ clips: ["aurora"], base: [] });
    expect(drafts.read()).toBeUndefined();
    drafts.clear();
  }
});

test("without a draft the reel is the saved one, or empty", () => {
  expect(chooseStart(["aurora"], undefined)).toEqual({ clips: ["aurora"], restored: false });
  expect(chooseStart(null, undefined)).toEqual({ clips: [], restored: false });
});

test("a session without a reel starts with the draft", () => {
  const draft = { clips: ["aurora", "coral"], base: ["aurora"] };
  expect(chooseStart(null, draft)).toEqual({ clips: ["aurora", "coral"], restored: true });
  expect(chooseStart(null, { clips: [], base: [] })).toEqual({ clips: [], restored: false });
});

test("a draft that is based on the saved reel wins, even if it is empty", () => {
  const saved = ["aurora"];
  expect(chooseStart(saved, { clips: ["coral"], base: saved })).toEqual({
    clips: ["coral"],
    restored: true,
  });
  expect(chooseStart(saved, { clips: [], base: saved })).toEqual({ clips: [], restored: true });
  expect(chooseStart(saved, { clips: saved, base: saved })).toEqual({
    clips: saved,
    restored: false,
  });
});

test("a reel that was saved elsewhere since then wins over the draft", () => {
  const draft = { clips: ["coral"], base: ["aurora"] };
  expect(chooseStart(["tides"], draft)).toEqual({ clips: ["tides"], restored: false });
});
