import type { Opened } from "./sealer.ts";

/** What a session holds. The names of the first four are those of the original Flask application. */
export interface SessionData {
  /** The provider's `sub` of the user. */
  user_id?: string;
  user_email?: string;
  csrf_token?: string;
  id_token?: string;
  /** Identifiers of the chosen clips, in playing order. */
  reel?: string[];
}

/** What became of a request's cookie, as its log line says it. Ages are in seconds. */
export interface SessionReport {
  readonly session: "none" | Opened["outcome"];
  readonly kid?: string;
  readonly session_age?: number;
}

declare global {
  namespace Express {
    interface Request {
      /** The session: an empty object if there is none; set to null to end it. */
      session: SessionData | null;
    }
  }
}
