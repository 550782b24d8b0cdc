import type { Response } from "express";

/** An RFC 9457 problem document. `code` is for programs, `title` and `detail` are for people. */
export interface ProblemDetails {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  /** Extension members. */
  readonly [extension: string]: unknown;
}

/** Answers with `application/problem+json`. */
export function sendProblem(res: Response, problem: ProblemDetails): void {
  res
    .status(problem.status)
    .set("Cache-Control", "no-store")
    .type("application/problem+json")
    .send(JSON.stringify({ type: "about:blank", ...problem }));
}
