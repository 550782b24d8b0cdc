/** JSON that the page and the service exchange. */

/** A clip in clips.json and in GET /api/clips. */
export interface Clip {
  /** Lower-case letters, digits and hyphens. The files are `<id>.mp4` and `<id>.jpg`. */
  readonly id: string;
  readonly title: string;
  /** One sentence for people who can't see the picture. */
  readonly description: string;
  /** Seconds. */
  readonly duration: number;
  /** Size of the video in bytes. */
  readonly bytes: number;
  /** `#rrggbb`, shown until the poster has loaded. */
  readonly color: string;
}

/** GET /api/clips */
export interface ClipList {
  readonly clips: readonly Clip[];
  /** Most clips in a reel. */
  readonly reel_limit: number;
  /** Name of the instance that answered. */
  readonly instance: string;
}

/** GET /api/clips/:id/url */
export interface ClipUrl {
  readonly url: string;
  readonly poster_url: string;
  /** Unix time in seconds. */
  readonly expires_at: number;
  /** Name of the instance that answered. */
  readonly instance: string;
}

/** GET and POST /api/reel */
export interface Reel {
  /** Ids in playing order; null if this session has not saved a reel yet. */
  readonly clips: readonly string[] | null;
  /** Name of the instance that answered. */
  readonly instance: string;
}
