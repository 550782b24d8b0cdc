import { filesOf } from "../../../service/reels/clips.ts";
import { REEL_LIMIT } from "../../../service/reels/reel.ts";
import { type Check, count, failed, judge, ok, sessionCheck, skipped } from "./check.ts";
import type { Answer } from "./client.ts";
import { tokenForm } from "./token.ts";

/** Clips and their URLs load from every instance. */
const clips = sessionCheck("clips", "clips", "intact", async (context) => {
  const { client, url, session, requests, progress } = context;
  const listed = clipsOf(await session.ask("/api/clips"));
  const faults = new Map<string, number>();
  let loaded = 0;
  let bytes = 0;
  const fault = (what: string) => void faults.set(what, (faults.get(what) ?? 0) + 1);

  async function loadClip(clip: Clip | undefined): Promise<void> {
    if (clip === undefined) return;
    const answer = await session.ask(`/api/clips/${clip.id}/url`);
    if (answer.status !== 200) return fault(`a clip's URL: ${answer.brief}`);
    const { url: path } = answer.json;
    if (typeof path !== "string" || !path.startsWith(`/media/${filesOf(clip).video}?`)) {
      return fault("a clip's URL leads somewhere else");
    }
    // Without the session: the URL has a token of its own.
    const file = await client.ask(new URL(path, url));
    if (file.status !== 200) return fault(`a clip: ${file.brief}`);
    if (file.bytes !== clip.bytes) return fault("a clip is not as long as it should be");
    loaded += 1;
    bytes += file.bytes;
  }

  progress("loading clips");
  const twice = [...listed, ...listed].slice(0, requests);
  await client.load(
    twice.length,
    (turn) => loadClip(twice[turn]),
    () => false,
  );
  if (faults.size > 0) {
    const seen = [...faults].map(([what, times]) => `${what} (${times} x)`).join(", ");
    return failed(
      `${seen}; ${loaded} loaded`,
      "Clips that a signed-in user may see don't load. A 403 says that an instance can't open " +
        "the URL that another one sealed.",
      "Look for the requests in the service's log. If instances don't share a key, see sessions.",
    );
  }
  return loaded > 0
    ? ok(
        `${count(listed.length, "clip")}, loaded ${count(loaded, "time")}, ` +
          `${(bytes / 1e6).toFixed(1)} MB`,
      )
    : failed(
        "GET /api/clips: no clips",
        "GET /api/clips lists nothing that could be loaded.",
        "Deploy the service again with all of its clips.",
      );
});

interface Clip {
  readonly id: string;
  readonly bytes: number;
}

const CLIP_ID = /^[a-z][a-z0-9-]{0,31}$/;

function clipsOf({ json: { clips } }: Answer): Clip[] {
  if (!Array.isArray(clips)) return [];
  return clips.filter((clip) => CLIP_ID.test(clip?.id) && typeof clip.bytes === "number");
}

/**
 * The user can save a reel, and their own reel stays unchanged. If sessions are in cookies, this
 * saves another reel and drops the cookie that comes back. If they are on the server, it saves the
 * same reel again, or if there is none, an invalid one, which gets 400 after all other checks.
 */
const reel = sessionCheck("reel", "reel", "intact", async ({ page, session }) => {
  const { csrfToken } = session;
  if (csrfToken === undefined) return skipped(`${page} has no CSRF token`);
  const before = await session.ask("/api/reel");
  if (before.status !== 200) return skipped(`GET /api/reel: ${before.brief}`);
  const current = reelOf(before);
  const same = current ?? (session.source === "made" ? [] : null);
  const inCookie = tokenForm(session.cookie.value).form === "sealed";
  const all = clipsOf(await session.ask("/api/clips")).map(({ id }) => id);
  const saved = inCookie ? otherReel(current ?? [], all) : same;
  const answer = await session.ask("/api/reel", {
    method: "POST",
    body: JSON.stringify({ clips: saved }),
    headers: { "content-type": "application/json", "x-csrf-token": csrfToken },
  });
  const after = await session.ask("/api/reel");
  const kept = [current, same].some(
    (reel) => JSON.stringify(reel) === JSON.stringify(reelOf(after)),
  );
  return judge(
    "can be saved; yours is as it was",
    answer.status !== (saved === null ? 400 : 200) && [
      `POST /api/reel: ${answer.brief}`,
      "Users can't save their reel.",
      "Look for the request in the service's log.",
    ],
    after.status === 200 &&
      !kept && [
        "the reel has changed",
        "What was saved for the test stayed, or somebody saved something meanwhile.",
        "Look at your reel, and put it right.",
      ],
  );
});

function reelOf({ json: { clips } }: Answer): string[] | null {
  return Array.isArray(clips) ? clips.filter((id) => CLIP_ID.test(id)) : null;
}

function otherReel(reel: readonly string[], all: readonly string[]): string[] {
  const added = all.find((id) => !reel.includes(id));
  return added !== undefined && reel.length < REEL_LIMIT ? [...reel, added] : reel.slice(1);
}

export const reelChecks: readonly Check[] = [clips, reel];
