import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clip } from "./wire.ts";

/** The clips that ship with the service. */
export interface ClipStore {
  readonly clips: readonly Clip[];
  find(id: string): Clip | undefined;
  /** Whether this is the name of a clip's video or poster. Serve no other file. */
  hasFile(name: string): boolean;
}

/** Names of a clip's two files. */
export function filesOf({ id }: Pick<Clip, "id">): { readonly video: string; poster: string } {
  return { video: `${id}.mp4`, poster: `${id}.jpg` };
}

/** Reads clips.json. It is deployed with the clips, and a test checks it against them. */
export function readClips(directory: string): ClipStore {
  const clips: readonly Clip[] = JSON.parse(readFileSync(join(directory, "clips.json"), "utf8"));
  const byId = new Map(clips.map((clip) => [clip.id, clip]));
  const files = new Set(clips.flatMap((clip) => Object.values(filesOf(clip))));
  return {
    clips,
    find: (id) => byId.get(id),
    hasFile: (name) => files.has(name),
  };
}
