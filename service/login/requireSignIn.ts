import type { NextFunction, Request, Response } from "express";
import { sendProblem } from "../http/problem.ts";
import { isSignedIn, type SessionReport } from "../session/session.ts";
import { DEFAULT_RETURN_TO, parseReturnTo, signInLink } from "./returnTo.ts";

/** Whether a request is for the API, whose clients can't be redirected to sign-in. */
export function isApi(req: Request): boolean {
  return /^\/api(?:\/|$)/i.test(req.originalUrl.replace(/\?.*/s, ""));
}

/**
 * Lets those through who are signed in. The API answers others with 401 and a problem document of
 * code `session_expired` or `sign_in_required`; pages send them to sign-in and back.
 */
export function requireSignIn(req: Request, res: Response, next: NextFunction): void {
  if (isSignedIn(req)) next();
  else if (isApi(req)) refuse(res);
  else {
    const { method, originalUrl } = req;
    const returnTo = method === "GET" || method === "HEAD" ? originalUrl : DEFAULT_RETURN_TO;
    // Validates the path here too, so that a long one makes no long Location header.
    res.redirect(302, signInLink(parseReturnTo(returnTo)));
  }
}

function refuse(res: Response): void {
  const report: SessionReport | undefined = res.locals.session;
  const hadSession = report !== undefined && !["none", "ok"].includes(report.session);
  const answer = hadSession
    ? { code: "session_expired", title: "Your session has expired" }
    : { code: "sign_in_required", title: "You are not signed in" };
  sendProblem(res, { status: 401, ...answer, detail: "Sign in and try again.", sign_in: "/login" });
}
