import type { Response } from "express";
import type { ProblemDetails } from "./problemDetails.ts";

/** Answers with `application/problem+json`. */
export function sendProblem(res: Response, problem: ProblemDetails): void {
  res
    .status(problem.status)
    .set("Cache-Control", "no-store")
    .type("application/problem+json")
    .send(JSON.stringify({ type: "about:blank", ...problem }));
}
