/** An RFC 9457 problem document. `code` is for programs, `title` and `detail` are for people. */
export interface ProblemDetails {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  /** Extension members. */
  readonly [extension: string]: unknown;
}
