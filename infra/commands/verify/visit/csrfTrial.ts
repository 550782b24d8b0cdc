import { REEL_LIMIT } from "../../../../service/reels/reel.ts";
import type { CsrfTrial, Skipped, Source } from "../observations.ts";
import { type Answer, csrfTokenOf, jsonOf } from "../site/answer.ts";
import type { TokenForm } from "../site/token.ts";
import type { Traffic } from "./traffic.ts";

export interface CsrfTrialOptions {
  readonly page: Answer;
  /** Identifiers of clips that there are. */
  readonly clips: readonly string[];
  readonly token: TokenForm;
  readonly source: Source;
}

/** As long as a real one, and not it. */
const WRONG_TOKEN = "A".repeat(43);

/**
 * Saves a reel without a token, with a wrong one and with the right one.
 *
 * Whatever comes of it, the user's reel stays as it is. Where the reel lives in the cookie, another
 * one can be saved, because the cookie that comes back is not kept. Where it lives in the service,
 * it is the same reel; and if there is none, something that can only be refused for what it is.
 */
export async function tryCsrf(
  traffic: Traffic,
  { page, clips, token, source }: CsrfTrialOptions,
): Promise<CsrfTrial | Skipped> {
  const csrfToken = csrfTokenOf(page);
  if (csrfToken === undefined) return { skipped: "the reel maker's page has no CSRF token" };
  const before = await traffic.ask("/api/reel");
  if (before.status !== 200) return { skipped: `GET /api/reel was answered with ${before.status}` };
  const reel = reelOf(before);

  function save(clips: readonly string[] | null, token?: string): Promise<Answer> {
    return traffic.ask("/api/reel", {
      method: "POST",
      body: JSON.stringify({ clips }),
      headers: {
        "content-type": "application/json",
        ...(token !== undefined && { "x-csrf-token": token }),
      },
    });
  }

  const same = reel ?? (source === "made" ? [] : null);
  const withoutToken = await save(same);
  const wrongToken = await save(same, WRONG_TOKEN);
  const other = token.form === "sealed" ? otherReel(reel ?? [], clips) : same;
  const rightToken = await save(other, csrfToken);
  const after = await traffic.ask("/api/reel");
  return {
    withoutToken,
    wrongToken,
    rightToken,
    expected: other === null ? 400 : 200,
    reelKept: after.status === 200 ? isSame(reelOf(after), same, reel) : undefined,
  };
}

function otherReel(reel: readonly string[], clips: readonly string[]): string[] {
  const added = clips.find((id) => !reel.includes(id));
  return added !== undefined && reel.length < REEL_LIMIT ? [...reel, added] : reel.slice(1);
}

function reelOf(answer: Answer): string[] | null {
  const { clips } = jsonOf(answer);
  if (!Array.isArray(clips)) return null;
  return clips.filter((id) => typeof id === "string" && /^[a-z][a-z0-9-]{0,31}$/.test(id));
}

function isSame(
  after: string[] | null,
  ...allowed: readonly (readonly string[] | null)[]
): boolean {
  return allowed.some((reel) => JSON.stringify(reel) === JSON.stringify(after));
}
