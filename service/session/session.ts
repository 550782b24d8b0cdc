import type { Request } from "express";
import type { Seconds } from "../pure/seconds.ts";
import { currentSession } from "./currentSession.ts";

/**
 * Data that the application keeps in a session. Each feature declares its own fields, of types that
 * JSON can represent:
 *
 * @example
 * declare module "../session/session.ts" {
 *   interface SessionData {
 *     note?: string;
 *   }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: features extend it by declaration merging.
export interface SessionData {}

/** Who is signed in. The names are those of the original Flask application. */
export interface Identity {
  /** The provider's `sub` of the user. */
  readonly user_id: string;
  readonly user_email: string | undefined;
  readonly csrf_token: string;
  /** Undefined if the token did not fit into the cookie. */
  readonly id_token: string | undefined;
}

/** `req.session`. The identity's fields are read-only, and undefined where nobody is signed in. */
export type Session = SessionData & {
  readonly [Field in keyof Identity]: Identity[Field] | undefined;
};

/** What sign-in learned about a user from the provider. */
export interface SignedIn {
  /** The provider's `sub` of the user. */
  readonly user_id: string;
  readonly user_email?: string | undefined;
  readonly id_token: string;
  /** The provider's issuer. */
  readonly iss: string;
  /** `sid` of the provider's own session, by which the provider can end this one. */
  readonly provider_sid?: string | undefined;
  /**
   * Whether the domain of the address controls the account: whoever leaves it loses the account.
   */
  readonly of_domain: boolean;
  /**
   * Unix time at which the session begins; default: now. May lie ahead after sessions were ended.
   */
  readonly iat?: Seconds | undefined;
}

/**
 * Content of the credential cookie, which only starting and ending a session set or clear. The ID
 * token is apart from it, because few requests use it.
 */
export interface Credential extends Omit<Identity, "id_token">, Omit<SignedIn, keyof Identity> {
  /** Session id: 128 random bits, constant for the session's lifetime. */
  readonly sid: string;
  readonly iat: Seconds;
  readonly exp: Seconds;
}

/** Outcome of a request's credential, as fields of its log line. */
export interface SessionReport {
  readonly session:
    | "none"
    | "ok"
    | "expired"
    | "ended"
    | "tampered"
    | "malformed"
    | "unknown_key"
    | "retired_key"
    | "key_unavailable"
    /** The list of ended sessions has been unreadable for too long. */
    | "ended_unavailable";
  /** Id of the key that sealed the credential. */
  readonly kid?: string;
  /** Seconds since sign-in. */
  readonly session_age?: number;
}

declare global {
  namespace Express {
    interface Request {
      /**
       * Who is signed in, and the application's data. Never null and never assigned: only
       * `startSession` and `endSession` change who is signed in.
       */
      readonly session: Session;
    }
  }
}

/**
 * Starts a session for a user who has just signed in, with a new id, CSRF token and lifetime. Data
 * of an earlier session is discarded.
 *
 * @example
 * startSession(req, { user_id: "1", id_token, iss: "https://accounts.example", of_domain: false });
 */
export function startSession(req: Request, signedIn: SignedIn): void {
  currentSession(req).start(signedIn);
}

/** Ends the session: the response clears its cookies. */
export function endSession(req: Request): void {
  currentSession(req).end();
}

/** Whether somebody is signed in. */
export function isSignedIn(req: Request): boolean {
  return currentSession(req).credential !== undefined;
}

/** The signed-in user's credential. Unlike `req.session`, this does not decrypt the data. */
export function credentialOf(req: Request): Credential | undefined {
  return currentSession(req).credential;
}
