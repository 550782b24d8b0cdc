import type { ClipStore } from "./clips.ts";

declare module "../session/session.ts" {
  interface SessionData {
    /** Ids of the chosen clips, in playing order. */
    reel?: string[];
  }
}

/** Most clips in a reel. A reel is stored in the session's data cookie of 2,048 bytes. */
export const REEL_LIMIT = 12;

/** The reel of a request, or why it is invalid. */
type ParsedReel = { readonly reel: string[] } | { readonly problem: string };

/** Parses a request's body, `{ "clips": [ID, ...] }`, in which each clip may occur once. */
export function parseReel(body: unknown, store: Pick<ClipStore, "find">): ParsedReel {
  const clips: unknown =
    typeof body === "object" && body !== null && "clips" in body ? body.clips : undefined;
  if (!Array.isArray(clips)) {
    return { problem: 'The body is not JSON of the form {"clips": ["some-clip"]}.' };
  }
  if (clips.length > REEL_LIMIT) return { problem: `A reel has at most ${REEL_LIMIT} clips.` };
  const reel: string[] = [];
  for (const [index, id] of clips.entries()) {
    if (typeof id !== "string" || store.find(id) === undefined) {
      return { problem: `Entry ${index + 1} of the reel is not a known clip.` };
    }
    if (reel.includes(id)) return { problem: `The clip ${id} is in the reel twice.` };
    reel.push(id);
  }
  return { reel };
}

/**
 * The reel in a session, without clips that no longer exist; null if none was saved. The value may
 * come from another version of the service, so it is checked. The result is always a valid reel.
 */
export function savedReel(reel: unknown, store: Pick<ClipStore, "find">): readonly string[] | null {
  if (!Array.isArray(reel)) return null;
  const known = reel.filter((id) => typeof id === "string" && store.find(id) !== undefined);
  return [...new Set<string>(known)].slice(0, REEL_LIMIT);
}
