/** Why a sign-in did not come about. */
export type FailureReason =
  /** No provider is set. */
  | "not_set_up"
  /** The request's Host header is none. */
  | "invalid_host"
  /** The callback belongs to no sign-in that this browser began in the last ten minutes. */
  | "unknown_attempt"
  /** What came back through the browser is not the answer to what was asked. */
  | "forged_answer"
  /** The code is used up or too old. */
  | "code_refused"
  | "cancelled"
  /** The provider can't be reached, or says that it has a fault. */
  | "provider_unavailable"
  /** The provider refuses this service, or its tokens don't hold. */
  | "provider_error"
  | "email_unverified"
  | "not_allowed";

/** Details for the log. Never a code, token or secret, nor an object that could hold one. */
export type FailureDetails = Readonly<Record<string, string | number | undefined>>;

/** A sign-in that did not come about, for a reason that the visitor is told. */
export class SignInError extends Error {
  readonly reason: FailureReason;
  readonly details: FailureDetails;

  constructor(reason: FailureReason, details: FailureDetails = {}) {
    super(`Sign-in failed: ${reason}`);
    this.name = new.target.name;
    this.reason = reason;
    this.details = details;
  }
}
