/** The shapes of the JSON that the page and the service exchange. */

/** One sample clip, as clips.json and GET /api/clips tell it. */
export interface Clip {
  /** Lower-case letters, digits and hyphens; names the files `<id>.mp4` and `<id>.jpg`. */
  readonly id: string;
  readonly title: string;
  /** One sentence for who can't see the picture. */
  readonly description: string;
  /** Seconds. */
  readonly duration: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Size of the video. */
  readonly bytes: number;
  /** `#rrggbb`: shown until the poster is there. */
  readonly color: string;
}

/** GET /api/clips */
export interface ClipList {
  readonly clips: readonly Clip[];
  /** How many clips a reel may have. */
  readonly reel_limit: number;
  readonly instance: string;
}

/** GET /api/clips/:id/url */
export interface ClipUrl {
  readonly url: string;
  readonly poster_url: string;
  /** Unix time in seconds. */
  readonly expires_at: number;
  /** Which instance of the service answered. */
  readonly instance: string;
}

/** GET and POST /api/reel */
export interface Reel {
  /** Identifiers in playing order; null if this session has not saved a reel yet. */
  readonly clips: readonly string[] | null;
  readonly instance: string;
}

/** A refusal (RFC 9457); `code` is what programs look at. */
export interface ProblemDetails {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
}
