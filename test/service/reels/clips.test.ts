import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { readClips } from "../../../service/reels/clips.ts";
import { REEL_LIMIT } from "../../../service/reels/reel.ts";
import { CLIPS } from "./reelApp.ts";

describe("the clips that ship with the service", () => {
  const store = readClips(CLIPS);

  test("are enough for a reel", () => {
    expect(store.clips.length).toBeGreaterThanOrEqual(REEL_LIMIT);
  });

  test("have ids that fit into file names and URLs, texts, a duration and a color", () => {
    for (const clip of store.clips) {
      expect(clip).toEqual({
        id: expect.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
        title: expect.stringMatching(/./),
        description: expect.stringMatching(/./),
        duration: expect.any(Number),
        bytes: expect.any(Number),
        color: expect.stringMatching(/^#[\da-f]{6}$/),
      });
    }
    expect(new Set(store.clips.map(({ id }) => id)).size).toBe(store.clips.length);
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

  test("have the sizes in clips.json", () => {
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
