/**
 * What alerts and the dashboard look for in the service's log: fields of `jsonPayload`. Names and
 * values are those that the service writes.
 */
export const LOG_FIELDS = {
  /** On each request's entry: what became of its session. */
  session: "session",
  /** On other entries, and on the request that was refused as a prefetch: what happened. */
  event: "event",
  /** On a request's entry: the client left before it had the whole response. */
  aborted: "aborted",
  /** On `key_ring_refreshed`: seconds since the newest key was made. */
  newestKeyAge: "newest_key_age",
} as const;

/** Outcomes that mean that a session is refused for want of its key. */
export const LOST_SESSIONS = ["unknown_key", "retired_key", "key_unavailable"] as const;

export const LOG_EVENTS = {
  /** The list of keys could not be read; the service goes on with an older one. */
  keyRingStale: "key_ring_stale",
  /** The list of keys was read. */
  keyRingRefreshed: "key_ring_refreshed",
  /** There is no key that could sign. */
  keysNotReady: "keys_not_ready",
  /** A key is of no use, such as one that is too short. */
  keySkipped: "key_skipped",
  /** The list of the sessions that have ended could not be read; those of before go on ending. */
  endedListStale: "ended_list_stale",
  /** Whether one old session has ended could not be read. */
  endedMarkUnreadable: "ended_mark_unreadable",
  /** Somebody signed out, and other instances can't learn of it yet. */
  signOutNotWritten: "sign_out_not_written",
  /** A prefetch of sign-in was answered with 503, which is no fault of the service's. */
  prefetchRefused: "prefetch_refused",
} as const;
