/** https://cloud.google.com/apis/design/errors#error_codes */
const CODES = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const;

type ApiStatus = keyof typeof CODES;

/** The status of an HTTP status code. */
export function statusOf(code: number): ApiStatus {
  const statuses = Object.keys(CODES) as ApiStatus[];
  return statuses.find((status) => CODES[status] === code) ?? "INTERNAL";
}

/** An error in Google's format. */
export class ApiError extends Error {
  readonly status: ApiStatus;

  constructor(status: ApiStatus, message: string) {
    super(message);
    this.status = status;
  }

  get code(): number {
    return CODES[this.status];
  }

  toJSON(): object {
    return { error: { code: this.code, message: this.message, status: this.status } };
  }
}
