import { filesOf } from "../../../../service/reels/clips.ts";
import { type Clips, instancesOf, type Visit } from "../observations.ts";
import { type Answer, jsonOf } from "../site/answer.ts";
import type { Traffic } from "./traffic.ts";

export interface LoadOptions {
  /** The most requests for clips. */
  readonly requests: number;
  /** Instances after which there are enough, if all else is done. */
  readonly instances: number;
  readonly onProgress: (requests: number, visits: readonly Visit[]) => void;
}

export interface Loaded {
  readonly clips: Clips;
  /** The answer for the URL of a clip; undefined if none was asked for. */
  readonly clipUrl: Answer | undefined;
}

/** However soon enough instances have answered: each is asked several times. */
const LEAST_REQUESTS = 60;
/** Requests at a time: as a few browsers with a page full of clips; more to make a fleet grow. */
const MIN_WIDTH = 12;
const MAX_WIDTH = 100;
/** Of many requests in a row without an answer, the next ones won't have one either. */
const MAX_LOST_IN_A_ROW = 12;

/** A clip as the list tells it, as far as it matters here. */
interface ListedClip {
  readonly id: string;
  readonly bytes: number;
}

/**
 * Does what the reel maker does with a page full of clips: asks for the URL of each, then for the
 * clip, many at a time and round after round, until enough instances have answered. Without a list
 * it goes on asking for that, to see who refuses.
 */
export async function loadClips(
  traffic: Traffic,
  clipList: Answer,
  options: LoadOptions,
): Promise<Loaded> {
  const { requests, instances, onProgress } = options;
  const clips = parseList(clipList);
  const faults = new Map<string, number>();
  let sent = 0;
  let lostInARow = 0;
  let loaded = 0;
  let bytes = 0;
  let clipUrl: Answer | undefined;

  function enough(): boolean {
    if (sent >= requests || lostInARow >= MAX_LOST_IN_A_ROW) return true;
    const least = Math.max(LEAST_REQUESTS, 2 * clips.length);
    return sent >= least && instancesOf(traffic.visits).length >= instances;
  }

  function fault(what: string): void {
    faults.set(what, (faults.get(what) ?? 0) + 1);
  }

  async function ask(path: string, sizeOnly = false): Promise<Answer | undefined> {
    sent += 1;
    const answer = await traffic.tryToAsk(path, { sizeOnly });
    lostInARow = answer === undefined ? lostInARow + 1 : 0;
    onProgress(sent, traffic.visits);
    return answer;
  }

  async function loadClip({ id, bytes: size }: ListedClip): Promise<void> {
    const answer = await ask(`/api/clips/${id}/url`);
    if (answer?.status !== 200) {
      if (answer === undefined) fault("a clip's URL got no answer");
      else if (answer.status !== 401) fault(`a clip's URL was answered with ${answer.status}`);
      return;
    }
    clipUrl ??= answer;
    const path = mediaPath(jsonOf(answer).url, id);
    if (path === undefined) {
      fault("a clip's URL leads somewhere else");
      return;
    }
    const file = await ask(path, true);
    if (file === undefined) fault("a clip got no answer");
    else if (file.status !== 200) fault(`a clip was answered with ${file.status}`);
    else if (file.bytes !== size) fault("a clip is not as long as it should be");
    else {
      loaded += 1;
      bytes += file.bytes;
    }
  }

  let next = 0;
  async function visitor(): Promise<void> {
    while (!enough()) {
      const clip = clips[next++ % Math.max(1, clips.length)];
      if (clip === undefined) await ask("/api/clips");
      else await loadClip(clip);
    }
  }

  const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, Math.floor(requests / 8)));
  await Promise.all(Array.from({ length: width }, visitor));
  return { clips: { listed: clips.length, loaded, bytes, faults }, clipUrl };
}

/** The clips of an answer, without what is none. */
export function parseList(answer: Answer): readonly ListedClip[] {
  const { clips } = jsonOf(answer);
  if (answer.status !== 200 || !Array.isArray(clips)) return [];
  return clips.flatMap((clip: unknown) => {
    const { id, bytes } = (clip ?? {}) as Record<string, unknown>;
    const valid = typeof id === "string" && /^[a-z][a-z0-9-]{0,31}$/.test(id);
    return valid && typeof bytes === "number" ? [{ id, bytes }] : [];
  });
}

/** Nothing but the clip's own file at the same site is asked for with the session. */
function mediaPath(url: unknown, id: string): string | undefined {
  const { video } = filesOf({ id });
  return typeof url === "string" && url.startsWith(`/media/${video}?`) ? url : undefined;
}
