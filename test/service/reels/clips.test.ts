import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ClipsError, parseClips, readClips } from "../../../service/reels/clips.ts";
import { REEL_LIMIT } from "../../../service/reels/reel.ts";
import type { Clip } from "../../../service/reels/wire.ts";
import { CLIPS } from "./reelApp.ts";

const clip: Clip = {
  id: "embers",
  title: "Embers",
  description: "Glowing sparks.",
  duration: 5,
  width: 640,
  height: 360,
  bytes: 1000,
  color: "#4f2321",
};

/** The problems that the thrown ClipsError lists. */
function problemsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ClipsError)) throw error;
    expect(error.code).toBe("ASSETS_INVALID");
    const [cause, ...rest] = error.message.split("\n");
    expect(cause).toBe("The sample clips can't be used:");
    expect(rest.pop()).toBe("Deploy the service again with all of its clips.");
    return rest.map((line) => line.replace(/^- /, ""));
  }
  return [];
}

describe("the clips that ship with the service", () => {
  const store = readClips(CLIPS);

  test("are enough for a reel", () => {
    expect(store.clips.length).toBeGreaterThanOrEqual(REEL_LIMIT);
  });

  test("each have a video and a poster, and the folder has no other files", () => {
    const files = store.clips.flatMap(({ id }) => [`${id}.mp4`, `${id}.jpg`]);
    expect(readdirSync(CLIPS).sort()).toEqual(["clips.json", ...files].sort());
    for (const file of files) {
      const head = readFileSync(join(CLIPS, file)).subarray(0, 12).toString("latin1");
      expect([file, head]).toEqual([
        file,
        expect.stringMatching(file.endsWith(".mp4") ? /^.{4}ftyp/s : /^\xff\xd8\xff/),
      ]);
    }
  });

  test("have the size that their list says", () => {
    for (const { id, bytes } of store.clips) {
      expect([id, statSync(join(CLIPS, `${id}.mp4`)).size]).toEqual([id, bytes]);
    }
  });

  test("are found by their ids, and their files by their names only", () => {
    for (const clip of store.clips) {
      expect(store.find(clip.id)).toBe(clip);
      expect(store.hasFile(`${clip.id}.mp4`)).toBe(true);
      expect(store.hasFile(`${clip.id}.jpg`)).toBe(true);
      for (const name of [clip.id, `${clip.id}.MP4`, `./${clip.id}.mp4`, `${clip.id}.mp4/`]) {
        expect([name, store.hasFile(name)]).toEqual([name, false]);
      }
    }
    for (const id of ["", "nothing", "__proto__", "constructor", "EMBERS", "../embers"]) {
      expect([id, store.find(id), store.hasFile(id)]).toEqual([id, undefined, false]);
    }
    for (const name of ["clips.json", "..", ".", "../server.ts"]) {
      expect([name, store.hasFile(name)]).toEqual([name, false]);
    }
  });
});

describe("a list", () => {
  test("of valid clips is accepted unchanged", () => {
    const clips = [
      clip,
      { ...clip, id: "a" },
      { ...clip, id: `z${"-9".repeat(15)}z`, duration: 0.5 },
    ];
    expect(parseClips(clips)).toEqual(clips);
  });

  test("that is not a list, or is empty, is refused", () => {
    for (const list of [undefined, null, {}, "clips", 1, [], { 0: clip, length: 1 }]) {
      expect(problemsOf(() => parseClips(list))).toEqual([
        "clips.json is not a list of one clip or more",
      ]);
    }
  });

  const WRONG: Record<keyof Clip, readonly unknown[]> = {
    id: [undefined, 1, "", "Embers", "9a", "-a", "a b", "a/b", "..", "a.b", "a\n", "x".repeat(33)],
    title: [undefined, null, 1, ""],
    description: [undefined, null, ["x"], ""],
    duration: [undefined, 0, -1, "5", Number.NaN],
    width: [undefined, 0, "640"],
    height: [undefined, -360, null],
    bytes: [undefined, 0, "1000"],
    color: [undefined, "", "red", "#fff", "#4F2321", "#4f2321;", "x#4f2321"],
  };

  test.each(Object.entries(WRONG))("with a clip without a valid %s is refused", (name, values) => {
    for (const value of values) {
      const list = [
        { ...clip, id: "first" },
        { ...clip, [name]: value },
      ];
      expect([value, problemsOf(() => parseClips(list))]).toEqual([
        value,
        [`clip 2 has no valid ${name}`],
      ]);
    }
  });

  test("is refused with all of its problems at once", () => {
    const list = [null, clip, { ...clip, title: "", width: 0 }, "embers", {}, { ...clip, id: "b" }];
    const members = Object.keys(WRONG).map((name) => `clip 5 has no valid ${name}`);
    expect(problemsOf(() => parseClips(list))).toEqual([
      "clip 1 is not an object",
      "clip 3 has no valid title",
      "clip 3 has no valid width",
      "clip 3 has the id of an earlier one",
      "clip 4 is not an object",
      ...members,
    ]);
  });

  test("of any JSON is either accepted or refused with problems", () => {
    const members = fc.record(
      Object.fromEntries(
        Object.entries(WRONG).map(([name, values]) => [
          name,
          fc.oneof(
            fc.constant(clip[name as keyof Clip]),
            fc.constantFrom(...values),
            fc.anything(),
          ),
        ]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.array(fc.oneof(members, fc.anything()))), (list) => {
        let clips: readonly Clip[] = [];
        if (
          problemsOf(() => {
            clips = parseClips(list);
          }).length > 0
        )
          return;
        expect(clips).toBe(list);
        expect(clips.length).toBeGreaterThan(0);
        expect(new Set(clips.map(({ id }) => id)).size).toBe(clips.length);
        for (const { id, bytes } of clips) {
          expect(id).toMatch(/^[a-z][a-z0-9-]*$/);
          expect(bytes).toBeGreaterThan(0);
        }
      }),
    );
  });
});

describe("a folder", () => {
  let folder: string;

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), "clips-")), "clips");
    cpSync(CLIPS, folder, { recursive: true });
  });
  afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

  test("without a list, or with one that isn't JSON, is refused with the reason", () => {
    const list = join(folder, "clips.json");
    writeFileSync(list, "[");
    expect(problemsOf(() => readClips(folder))).toEqual([
      expect.stringMatching(/^clips\.json can't be read: .*JSON/),
    ]);
    rmSync(list);
    expect(problemsOf(() => readClips(folder))).toEqual([
      expect.stringMatching(/^clips\.json can't be read: ENOENT/),
    ]);
    mkdirSync(list);
    expect(problemsOf(() => readClips(folder))).toEqual([
      expect.stringMatching(/^clips\.json can't be read: EISDIR/),
    ]);
  });

  test("is refused with the name of every missing file", () => {
    for (const file of ["tides.jpg", "aurora.mp4", "coral.jpg", "coral.mp4"]) {
      rmSync(join(folder, file));
    }
    expect(problemsOf(() => readClips(folder)).sort()).toEqual([
      "aurora.mp4 is missing",
      "coral.jpg is missing",
      "coral.mp4 is missing",
      "tides.jpg is missing",
    ]);
  });

  test("with a folder in place of a file lacks that file", () => {
    for (const file of ["tides.jpg", "embers.mp4"]) {
      rmSync(join(folder, file));
      mkdirSync(join(folder, file));
    }
    expect(problemsOf(() => readClips(folder)).sort()).toEqual([
      "embers.mp4 is missing",
      "tides.jpg is missing",
    ]);
  });
});
