import { createSingleFlight } from "../../pure/singleFlight.ts";
import type { ClipUrl } from "../wire.ts";
import type { Api } from "./api.ts";
import { createLimiter } from "./limit.ts";

/** Most requests for URLs in flight at once. */
export const PARALLEL_REQUESTS = 6;

/** A URL that expires within this many seconds is renewed before use. */
const MARGIN = 20;

interface ClipSourcesDeps {
  readonly api: Pick<Api, "clipUrl">;
  /** Seconds of a monotonic clock. */
  readonly uptime: () => number;
  /** Called when a clip's URL arrives, also when it replaces an earlier one. */
  readonly onSource: (id: string, source: ClipUrl) => void;
}

/** Caches the URLs of clips and renews them before they expire. */
export interface ClipSources {
  /** The cached URL, or a new one if that expires soon. */
  get(id: string): Promise<ClipUrl>;
  /** A new URL, because the cached one did not work. */
  renew(id: string): Promise<ClipUrl>;
  /** The cached URL, which may have expired; undefined if there is none. */
  peek(id: string): ClipUrl | undefined;
}

export function createClipSources({ api, uptime, onSource }: ClipSourcesDeps): ClipSources {
  const limit = createLimiter(PARALLEL_REQUESTS);
  const known = new Map<string, { readonly source: ClipUrl; readonly until: number }>();
  const singleFlight = createSingleFlight<ClipUrl>();
  const renew = (id: string) => singleFlight(id, () => ask(id));

  async function ask(id: string): Promise<ClipUrl> {
    const { body, date } = await limit(() => api.clipUrl(id));
    const lifetime = date === undefined ? 0 : body.expires_at - date;
    known.set(id, { source: body, until: uptime() + lifetime });
    onSource(id, body);
    return body;
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
