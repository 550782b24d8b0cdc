import type { ClipList, ClipUrl } from "../../../service/reels/wire.ts";
import type { Browser } from "../../support/browser.ts";

/** Result of a request for a clip's URL. */
interface LoadedClip {
  readonly status: number;
  /** `code` of the problem document, if it is one. */
  readonly code: string | undefined;
  /** Name of the instance that answered. */
  readonly instance: string;
  readonly setCookie: readonly string[];
  /** The clip's URL, if there is one. */
  readonly url: string | undefined;
}

/** Number of clips with which the original page lost sessions. */
const MANY = 40;

/** Requests the URLs of many clips in parallel, as the reel maker does on load. */
export async function loadClips(browser: Browser, ids: readonly string[], count = MANY) {
  return Promise.all(
    Array.from({ length: count }, async (_, index): Promise<LoadedClip> => {
      const response = await browser.fetch(`/api/clips/${ids[index % ids.length]}/url`);
      const body = (await response.json()) as Partial<ClipUrl> & { readonly code?: string };
      return {
        status: response.status,
        code: body.code,
        instance: response.headers.get("x-instance") ?? "",
        setCookie: response.headers.getSetCookie(),
        url: body.url,
      };
    }),
  );
}

/** All clips. */
export async function listClips(browser: Browser): Promise<ClipList["clips"]> {
  const response = await browser.fetch("/api/clips");
  if (response.status !== 200) throw new Error(`/api/clips answered ${response.status}.`);
  return ((await response.json()) as ClipList).clips;
}
