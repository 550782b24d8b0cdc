import type { Request } from "express";
import type { Seconds } from "../pure/seconds.ts";
import { currentSession } from "./currentSession.ts";

/**
 * What the application keeps in a session. Each feature declares its own fields, as JSON carries
 * them:
 *
 * @example
 * declare module "../session/session.ts" {
 *   interface SessionData {
 *     note?: string;
 *   }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: features add to it.
export interface SessionData {}

/** Who is signed in. The names are those of the original Flask application. */
export interface Identity {
  /** The provider's `sub` of the user. */
  readonly user_id: string;
  readonly user_email: string | undefined;
  readonly csrf_token: string;
  /** Undefined if the token does not fit into the cookie. */
  readonly id_token: string | undefined;
}

/** `req.session`: the identity can be read and not written; without one its fields are undefined. */
export type Session = SessionData & {
  readonly [Field in keyof Identity]: Identity[Field] | undefined;
};

/** What sign-in has found out about somebody. */
export interface SignedIn {
  /** The provider's `sub` of the user. */
  readonly user_id: string;
  readonly user_email?: string | undefined;
  readonly id_token: string;
  /** The provider. */
  readonly iss: string;
  /** The provider's own session, `sid`, by which it can end this one. */
  readonly provider_sid?: string | undefined;
  /** Whether the address's domain speaks for the account: whoever leaves it loses the account. */
  readonly of_domain: boolean;
  /** When the session begins; now, if it is left out. Later than now after whatever ended others. */
  readonly iat?: Seconds | undefined;
}

/** What the credential's cookie holds. Only starting and ending a session ever set or clear it. */
export interface Credential extends Identity, Omit<SignedIn, keyof Identity> {
  /** 128 random bits, the same for the session's whole life. */
  readonly sid: string;
  readonly iat: Seconds;
  readonly exp: Seconds;
}

/** What became of a request's credential, as its log line says it. Ages are in seconds. */
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
    /** Whether it has ended has not been known for too long. */
    | "ended_unavailable";
  readonly kid?: string;
  readonly session_age?: number;
}

declare global {
  namespace Express {
    interface Request {
      /**
       * Who is signed in, and what the application keeps. Never null, never assigned:
       * `startSession` and `endSession` are the only ways in and out.
       */
      readonly session: Session;
    }
  }
}

/**
 * Begins a session for whoever has just signed in, with a new id, CSRF token and lifetime. Nothing
 * of an earlier session stays.
 */
export function startSession(req: Request, signedIn: SignedIn): void {
  currentSession(req).start(signedIn);
}

/** Ends the session: the response removes its cookies. */
export function endSession(req: Request): void {
  currentSession(req).end();
}

/** Whether somebody is signed in. */
export function isSignedIn(req: Request): boolean {
  return currentSession(req).credential !== undefined;
}

/** The credential of whoever is signed in. Costs nothing, while `req.session` opens the data. */
export function credentialOf(req: Request): Credential | undefined {
  return currentSession(req).credential;
}
