import { type ErrorCode, OperatorError } from "../contract/errors.ts";
import { shown } from "../pure/printable.ts";

/** A session's changes can't be stored: the response is an error, and the session is unchanged. */
export abstract class SessionNotKeptError extends OperatorError {}

/** A cookie of the session would be too large. */
export class SessionTooLargeError extends SessionNotKeptError {
  constructor(bytes: number, limit: number, content: object) {
    const [field, size] = largestField(content);
    super(
      "SESSION_TOO_LARGE",
      `The session's cookie would be ${bytes} bytes, and may have ${limit}. ` +
        `Its largest field is ${named(field)} with ${size} bytes: store less in it.`,
    );
  }
}

/** A Secure cookie would have to be set over http. */
export class InsecureTransportError extends SessionNotKeptError {
  constructor() {
    super(
      "COOKIE_NEEDS_HTTPS",
      "SESSION_COOKIE_SECURE is true, and this request came over http, where a browser does not " +
        "keep the cookie. Open the site over https; where no https is to be had, as on a laptop, " +
        "set SESSION_COOKIE_SECURE=false.",
    );
  }
}

/** The session holds a value that JSON can't represent. */
export class SessionNotSerializableError extends SessionNotKeptError {
  /** `field` as code would reach it, such as `basket[3].added`. */
  constructor(field: string, options?: ErrorOptions) {
    super(
      "SESSION_NOT_SERIALIZABLE",
      `The session's field ${named(field)} is not JSON: store plain objects, arrays, strings, finite ` +
        "numbers, booleans and null.",
      options,
    );
  }
}

/** A route stored data although nobody is signed in, so there is no session to store it in. */
export class NoSessionError extends SessionNotKeptError {
  constructor(fields: readonly string[]) {
    super(
      "SESSION_NOT_STARTED",
      `The session's field ${named(fields[0])} can't be kept, because nobody is ` +
        "signed in. Store it after startSession, and in routes behind requireSignIn.",
    );
  }
}

/** The session changed after the response's headers had been sent. */
export class SessionChangedLateError extends SessionNotKeptError {
  constructor(what: string) {
    super(
      "SESSION_CHANGED_LATE",
      `${what} after the response's headers had been sent, so it was not kept. Change the session ` +
        "before the first byte of the answer.",
    );
  }
}

/** Something that a session depends on is unavailable: answer 503 and change no cookie. */
export class SessionUnavailableError extends OperatorError {
  /** Seconds after which to try again. */
  readonly retryAfter: number;

  constructor(code: ErrorCode, message: string, retryAfter: number) {
    super(code, message);
    this.retryAfter = retryAfter;
  }
}

/** No key is available to seal or open sessions. */
export class KeysUnavailableError extends SessionUnavailableError {
  constructor(retryAfter: number) {
    super(
      "KEYS_UNAVAILABLE",
      "The keys that seal sessions can't be read at the moment. Nobody is signed out by this: try again in a moment.",
      retryAfter,
    );
  }
}

/** Sessions could not be ended: they are still valid. */
export class SignOutFailedError extends SessionUnavailableError {
  constructor(message: string, retryAfter: number) {
    super("SIGN_OUT_FAILED", message, retryAfter);
  }
}

/** The list of ended sessions has been unreadable for too long, and `endedOutage` is `refuse`. */
export class EndedUnavailableError extends SessionUnavailableError {
  constructor(retryAfter: number) {
    super(
      "ENDED_UNAVAILABLE",
      "Which sessions have ended can't be read at the moment. Nobody is signed out by this: try again in a moment.",
      retryAfter,
    );
  }
}

/** A field's name for a message: an application may take names from users. */
function named(field = ""): string {
  return field && shown(field).slice(1, -1);
}

function largestField(content: object): [field: string, bytes: number] {
  const sizes = Object.entries(content).map(([field, value]): [string, number] => [
    field,
    Buffer.byteLength(JSON.stringify(value) ?? ""),
  ]);
  return sizes.reduce((a, b) => (b[1] > a[1] ? b : a), ["(none)", 0]);
}
