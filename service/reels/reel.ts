import type { ClipStore } from "./clips.ts";

declare module "../session/session.ts" {
  interface SessionData {
    /** Identifiers of the chosen clips, in playing order. */
    reel?: string[];
  }
}

/** Clips in a reel. It lives in the session's cookie, which has 4096 bytes for everything. */
export const REEL_LIMIT = 12;

/** A reel as asked for, or why it can't be had. */
export type ParsedReel = { readonly reel: string[] } | { readonly problem: string };

/** The reel from the body of a request: `{ "clips": [ID, ...] }`, each clip once. */
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
      return { problem: `Number ${index + 1} of the reel is not a clip that there is.` };
    }
    if (reel.includes(id)) return { problem: `The clip ${id} is in the reel twice.` };
    reel.push(id);
  }
  return { reel };
}

/**
 * The reel that a session holds, without clips that are gone; null if none was saved. Another
 * version of the service may have put anything there: what is told can be saved again.
 */
export function savedReel(reel: unknown, store: Pick<ClipStore, "find">): readonly string[] | null {
  if (!Array.isArray(reel)) return null;
  const known = reel.filter((id) => typeof id === "string" && store.find(id) !== undefined);
  return [...new Set<string>(known)].slice(0, REEL_LIMIT);
}
