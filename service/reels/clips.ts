import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "../contract/errors.ts";
import type { Clip } from "./wire.ts";

/** The deployed clips don't match their list. */
export class ClipsError extends OperatorError {
  constructor(problems: readonly string[], options?: ErrorOptions) {
    const found = problems.map((problem) => `- ${problem}`).join("\n");
    super(
      "ASSETS_INVALID",
      `The sample clips can't be used:\n${found}\nDeploy the service again with all of its clips.`,
      options,
    );
  }
}

/** The clips, whose files are known to exist. */
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

/**
 * Reads clips.json and checks that every file in it exists. Lists the folder once instead of
 * looking up each file, because this delays each cold start.
 *
 * @throws ClipsError with all problems.
 */
export function readClips(directory: string): ClipStore {
  const clips = parseClips(readList(join(directory, "clips.json")));
  const problems = missingFiles(directory, clips);
  if (problems.length > 0) throw new ClipsError(problems);
  const byId = new Map(clips.map((clip) => [clip.id, clip]));
  const files = new Set(clips.flatMap((clip) => Object.values(filesOf(clip))));
  return {
    clips,
    find: (id) => byId.get(id),
    hasFile: (name) => files.has(name),
  };
}

function readList(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ClipsError([`clips.json can't be read: ${(cause as Error).message}`], { cause });
  }
}

/**
 * The list of clips from parsed JSON.
 *
 * @throws ClipsError with everything that is wrong.
 */
export function parseClips(list: unknown): readonly Clip[] {
  if (!Array.isArray(list) || list.length === 0) {
    throw new ClipsError(["clips.json is not a list of one clip or more"]);
  }
  const problems: string[] = [];
  const ids = new Set<unknown>();
  for (const [index, clip] of list.entries()) {
    problems.push(...checkClip(clip).map((problem) => `clip ${index + 1} ${problem}`));
    const id: unknown = clip?.id;
    if (id === undefined) continue;
    if (ids.has(id)) problems.push(`clip ${index + 1} has the id of an earlier one`);
    ids.add(id);
  }
  if (problems.length > 0) throw new ClipsError(problems);
  return list;
}

/**
 * Checks of a clip's members. An id is part of file names, so it has no character special in paths.
 */
const MEMBERS: Record<keyof Clip, (value: unknown) => boolean> = {
  id: (value) => isText(value) && /^[a-z][a-z0-9-]{0,31}$/.test(value),
  title: isText,
  description: isText,
  duration: isPositive,
  width: isPositive,
  height: isPositive,
  bytes: isPositive,
  color: (value) => isText(value) && /^#[\da-f]{6}$/.test(value),
};

function checkClip(clip: unknown): string[] {
  if (typeof clip !== "object" || clip === null) return ["is not an object"];
  const members: Record<string, unknown> = { ...clip };
  return Object.entries(MEMBERS)
    .filter(([name, valid]) => !valid(members[name]))
    .map(([name]) => `has no valid ${name}`);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && value > 0;
}

function missingFiles(directory: string, clips: readonly Clip[]): string[] {
  const entries = readdirSync(directory, { withFileTypes: true });
  const present = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name));
  return clips
    .flatMap((clip) => Object.values(filesOf(clip)))
    .filter((name) => !present.has(name))
    .map((name) => `${name} is missing`);
}
