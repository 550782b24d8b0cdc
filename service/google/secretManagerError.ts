import { OperatorError } from "../contract/errors.ts";

/** What kept Secret Manager from doing what it was asked. */
export type SecretManagerFailure =
  /** No connection, or one that broke. */
  | "UNREACHABLE"
  /** No answer in time. */
  | "TIMEOUT"
  /** No credentials to call it with. */
  | "NO_CREDENTIALS"
  /** 401: credentials that it doesn't accept. */
  | "UNAUTHENTICATED"
  /** 403: a permission is missing, or the API is off. */
  | "FORBIDDEN"
  /** 404 in Google's shape: there is no such secret or version. */
  | "NOT_FOUND"
  /** The version's state or etag does not allow it. */
  | "FAILED_PRECONDITION"
  /** 429: over quota. */
  | "EXHAUSTED"
  /** 5xx. */
  | "SERVER_ERROR"
  /** Another refusal: of the request itself. */
  | "REJECTED"
  /** An answer that makes no sense. */
  | "INVALID_ANSWER";

const REMEDIES: Record<SecretManagerFailure, string> = {
  UNREACHABLE: "Check the network, and that the address is right",
  TIMEOUT: "Try again; if it lasts, see https://status.cloud.google.com",
  NO_CREDENTIALS:
    "Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
  UNAUTHENTICATED: "Sign in again: gcloud auth application-default login",
  FORBIDDEN:
    "Grant the account roles on the secret (to read: secretmanager.secretAccessor and .viewer; " +
    "to rotate: .secretVersionManager), and see that the API is enabled",
  NOT_FOUND: "Check the project and the secret's name: gcloud secrets list --project PROJECT",
  FAILED_PRECONDITION:
    "Look at the version's state: gcloud secrets versions list SECRET --project PROJECT",
  EXHAUSTED:
    "Wait a minute; if it lasts, raise the quota, or how long instances go without" +
    " reading: npx pulumi config set --stack STACK keyRefreshInterval SECONDS",
  SERVER_ERROR: "Try again; if it lasts, see https://status.cloud.google.com",
  REJECTED: "Check the secret's name and this program's version",
  INVALID_ANSWER: "Check what answers at that address: a proxy, or a stand-in of another version",
};

/** A call to Secret Manager that did not do what was asked, with cause and remedy. */
export class SecretManagerError extends OperatorError {
  readonly failure: SecretManagerFailure;

  constructor(failure: SecretManagerFailure, cause: string, options?: ErrorOptions) {
    super(`SECRET_MANAGER_${failure}`, `${cause}. ${REMEDIES[failure]}.`, options);
    this.failure = failure;
  }
}

/** Whether the call failed in that way. */
export function failedAs(error: unknown, failure: SecretManagerFailure): boolean {
  return error instanceof SecretManagerError && error.failure === failure;
}
