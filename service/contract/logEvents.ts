/** Fields of `jsonPayload` in the service's log that alerts and the dashboard filter by. */
export const LOG_FIELDS = {
  /** On each request's entry: the outcome of its session. */
  session: "session",
  /** On other entries, and on refused prefetches: one of LOG_EVENTS. */
  event: "event",
  /** On a request's entry: the client disconnected before the response was complete. */
  aborted: "aborted",
  /** On `key_ring_refreshed`: seconds since the newest key was created. */
  newestKeyAge: "newest_key_age",
} as const;

/** Session outcomes where the session's key is missing. */
export const LOST_SESSIONS = ["unknown_key", "retired_key", "key_unavailable"] as const;

/** Values of the field `event` that alerts and the dashboard filter by. */
export const LOG_EVENTS = {
  /** The keys could not be read again, so a stale copy stays in use. */
  keyRingStale: "key_ring_stale",
  /** The keys were read. */
  keyRingRefreshed: "key_ring_refreshed",
  /** No key can sign. */
  keysNotReady: "keys_not_ready",
  /** A key is unusable, for example too short. */
  keySkipped: "key_skipped",
  /** The list of ended sessions could not be read, so a stale copy stays in use. */
  endedListStale: "ended_list_stale",
  /** Whether one old session has ended could not be read. */
  endedMarkUnreadable: "ended_mark_unreadable",
  /** A sign-out could not be written to the bucket, so other instances don't know of it yet. */
  signOutNotWritten: "sign_out_not_written",
  /**
   * A prefetch of sign-in was refused with 503, which does not count as an error of the service.
   */
  prefetchRefused: "prefetch_refused",
} as const;
