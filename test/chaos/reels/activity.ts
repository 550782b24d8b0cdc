import { readFileSync } from "node:fs";
import { join } from "node:path";
import clips from "../../../service/reels/clips/clips.json" with { type: "json" };
import type { Activity, ChaosVisitor } from "../visitor.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "service", "reels", "clips");

/** The clips' videos, by id. */
const VIDEOS = new Map(clips.map(({ id }) => [id, readFileSync(join(FOLDER, `${id}.mp4`))]));
const IDS = [...VIDEOS.keys()];

/** Makes reels and watches clips. */
export function createActivity(visitor: ChaosVisitor): Activity {
  const { chance, tally } = visitor.deps;
  /** The last saved reel; null if this session has none. */
  let saved: readonly string[] | null = null;

  async function check(port?: number): Promise<void> {
    const answer = await visitor.insist({ path: "/api/reel" }, { status: 200 }, port);
    const { clips } = JSON.parse(answer.body.toString()) as { clips: unknown };
    if (JSON.stringify(clips) !== JSON.stringify(saved)) {
      tally.lose(`the reel is ${JSON.stringify(clips)}, not ${saved}`);
    }
  }

  /** Requests what the reel maker loads: the list, then many URLs at once, then files. */
  async function browse(): Promise<void> {
    await visitor.insist({ path: "/api/clips" }, { status: 200 });
    const ids = chance.shuffle(IDS).slice(0, 2 + chance.below(5));
    const urls = await Promise.all(ids.map(urlOf));
    await Promise.all(urls.map((url, index) => fetchPart(ids[index] ?? "", url)));
  }

  async function urlOf(id: string): Promise<string> {
    const answer = await visitor.insist({ path: `/api/clips/${id}/url` }, { status: 200 });
    return (JSON.parse(answer.body.toString()) as { url: string }).url;
  }

  async function fetchPart(id: string, url: string, pace?: number): Promise<void> {
    const video = VIDEOS.get(id) ?? Buffer.alloc(0);
    const first = chance.below(video.length);
    const last = first + chance.below(video.length - first);
    const whole = pace !== undefined || chance.below(3) === 0;
    const answer = await visitor.insist(
      {
        path: url,
        ...(!whole && { headers: { range: `bytes=${first}-${last}` } }),
        ...(pace !== undefined && { pace }),
      },
      { status: whole ? 200 : 206 },
    );
    const expected = whole ? video : video.subarray(first, last + 1);
    if (!answer.body.equals(expected)) {
      tally.lose(
        `${id}: ${answer.body.length} bytes that are not the ${expected.length} asked for`,
      );
    }
  }

  async function watchSlowly(): Promise<void> {
    const id = chance.pick(IDS);
    await fetchPart(id, await urlOf(id), 100);
  }

  /** Saves another reel; with `pace`, over a slow connection. */
  async function save(pace?: number): Promise<void> {
    const reel = chance.shuffle(IDS).slice(0, chance.below(7));
    if (JSON.stringify(reel) === JSON.stringify(saved)) return;
    await visitor.save({
      method: "POST",
      path: "/api/reel",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ clips: reel }),
      ...(pace !== undefined && { pace }),
    });
    saved = reel;
  }

  async function leaveEarly(): Promise<void> {
    const id = chance.pick(IDS);
    await visitor.leaveEarly(chance.pick([`/api/clips/${id}/url`, await urlOf(id)]));
  }

  return {
    check,
    begin() {
      saved = null;
    },
    actions: () => [
      ...Array(4).fill(browse),
      ...Array(3).fill(() => save()),
      ...Array(2).fill(() => check()),
      leaveEarly,
      () => save(60 + chance.below(120)),
      watchSlowly,
    ],
  };
}
