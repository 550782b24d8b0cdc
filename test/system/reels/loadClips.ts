import type { ClipList, ClipUrl } from "../../../service/reels/wire.ts";
import type { Browser } from "../../support/browser.ts";

/** What a request for a clip's URL came to. */
export interface LoadedClip {
  readonly status: number;
  /** `code` of the problem document, if it is one. */
  readonly code: string | undefined;
  /** Who answered. */
  readonly instance: string;
  readonly setCookie: readonly string[];
  /** The clip's URL, if there is one. */
  readonly url: string | undefined;
}

/** How many clips the original page loaded when sessions were lost. */
const MANY = 40;

/** Asks for the URLs of many clips at once, as the reel maker does when it is opened. */
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

/** The clips that there are. */
export async function listClips(browser: Browser): Promise<ClipList["clips"]> {
  const response = await browser.fetch("/api/clips");
  if (response.status !== 200) throw new Error(`/api/clips answered ${response.status}.`);
  return ((await response.json()) as ClipList).clips;
}
