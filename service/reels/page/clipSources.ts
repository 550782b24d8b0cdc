import type { ClipUrl } from "../wire.ts";
import type { Api } from "./api.ts";
import { createLimiter } from "./limit.ts";

/** Requests for URLs that are on their way at once. */
export const PARALLEL_REQUESTS = 6;

/** A URL with less time left, in seconds, is not worth beginning with. */
const MARGIN = 20;

export interface ClipSourcesDeps {
  readonly api: Pick<Api, "clipUrl">;
  /** Seconds of a clock that only goes forward, from anywhere. */
  readonly uptime: () => number;
  /** A clip has a URL, or a new one. */
  readonly onSource: (id: string, source: ClipUrl) => void;
}

/** Where the clips come from: keeps their URLs and gets new ones before they run out. */
export interface ClipSources {
  /** A URL that still works for a while. */
  get(id: string): Promise<ClipUrl>;
  /** A new URL, because the one that was given did not work. */
  renew(id: string): Promise<ClipUrl>;
  /** What is known of the clip now, without asking. */
  peek(id: string): ClipUrl | undefined;
}

export function createClipSources({ api, uptime, onSource }: ClipSourcesDeps): ClipSources {
  const limit = createLimiter(PARALLEL_REQUESTS);
  const known = new Map<string, { readonly source: ClipUrl; readonly until: number }>();
  const asked = new Map<string, Promise<ClipUrl>>();

  async function ask(id: string): Promise<ClipUrl> {
    const { body, date } = await limit(() => api.clipUrl(id));
    const lifetime = date === undefined ? 0 : body.expires_at - date;
    known.set(id, { source: body, until: uptime() + lifetime });
    onSource(id, body);
    return body;
  }

  function renew(id: string): Promise<ClipUrl> {
    const earlier = asked.get(id);
    if (earlier !== undefined) return earlier;
    const answer = ask(id).finally(() => asked.delete(id));
    asked.set(id, answer);
    return answer;
  }

  return {
    renew,
    async get(id) {
      const held = known.get(id);
      return held !== undefined && held.until - uptime() > MARGIN ? held.source : renew(id);
    },
    peek: (id) => known.get(id)?.source,
  };
}
