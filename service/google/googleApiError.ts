import { OperatorError } from "../contract/errors.ts";

/** Why a call to one of Google's APIs failed. */
export type ApiFailure =
  /** No connection, or one that broke. */
  | "UNREACHABLE"
  | "TIMEOUT"
  | "NO_CREDENTIALS"
  /** 401: credentials that it doesn't accept. */
  | "UNAUTHENTICATED"
  /** 403: a permission is missing, or the API is off. */
  | "FORBIDDEN"
  /** 404 in Google's shape: there is no such resource. */
  | "NOT_FOUND"
  /** The resource's state does not allow it. */
  | "FAILED_PRECONDITION"
  /** 429: over quota. */
  | "EXHAUSTED"
  /** 5xx. */
  | "SERVER_ERROR"
  /** Another refusal: of the request itself. */
  | "REJECTED"
  | "INVALID_ANSWER";

export interface GoogleApi {
  readonly name: string;
  /** Prefix of its errors' codes. */
  readonly code: "SECRET_MANAGER" | "CLOUD_STORAGE";
  /** The API's host is SERVICE.googleapis.com. */
  readonly service: string;
  readonly remedies: Readonly<Record<ApiFailure, string>>;
}

/** Remedies for all APIs. */
export const COMMON_REMEDIES = {
  UNREACHABLE: "Check the network, and that the address is right",
  TIMEOUT: "Try again; if it lasts, see https://status.cloud.google.com",
  NO_CREDENTIALS:
    "Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
  UNAUTHENTICATED: "Sign in again: gcloud auth application-default login",
  SERVER_ERROR: "Try again; if it lasts, see https://status.cloud.google.com",
  INVALID_ANSWER: "Check what answers at that address: a proxy, or a stand-in of another version",
} as const satisfies Partial<Record<ApiFailure, string>>;

/** A failed call, with cause and remedy. */
export class GoogleApiError extends OperatorError {
  readonly failure: ApiFailure;

  constructor(api: GoogleApi, failure: ApiFailure, cause: string, options?: ErrorOptions) {
    super(`${api.code}_${failure}`, `${cause}. ${api.remedies[failure]}.`, options);
    this.failure = failure;
  }
}

/** Whether the call failed in that way. */
export function failedAs(error: unknown, failure: ApiFailure): boolean {
  return error instanceof GoogleApiError && error.failure === failure;
}

/** The call's result; undefined if it failed in that way. */
export async function unlessFailedAs<Result>(
  failure: ApiFailure,
  call: Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await call;
  } catch (error) {
    if (failedAs(error, failure)) return undefined;
    throw error;
  }
}

/** @param what such as "a list without versions" */
export function invalidAnswer(api: GoogleApi, what: string): GoogleApiError {
  return new GoogleApiError(api, "INVALID_ANSWER", `${api.name} answered with ${what}`);
}
