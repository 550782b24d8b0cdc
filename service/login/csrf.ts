import { hash, timingSafeEqual } from "node:crypto";
import type { Request, RequestHandler, Response } from "express";
import { type PublicAddress, siteOf } from "../http/publicUrl.ts";
import { credentialOf, isSignedIn } from "../session/session.ts";
import { isApi, requireSignIn } from "./requireSignIn.ts";

type Address = Pick<PublicAddress, "publicUrl">;

/** RFC 9110, 9.2.1, without TRACE. */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** The request does not carry its session's CSRF token. Fields as in http-errors. */
export class StalePageError extends Error {
  override readonly name = "StalePageError";
  readonly status = 403;
  readonly code = "csrf_token_invalid";
  override readonly message =
    "This page is no longer valid: since it was opened, you have signed in again, or the session " +
    "has ended. Go back, reload the page and try again.";
}

/**
 * Refuses every unsafe request that does not carry its session's `csrf_token`, as the header
 * `x-csrf-token` or as the form field `_csrf`: status 403, code `csrf_token_invalid`. Body parsers
 * come before it. A program without a session is told that first, with 401: it has no token to
 * send.
 *
 * Signing out, and nothing else, takes proof of the same origin in the token's place: a page whose
 * token is stale, or whose session has ended, can always be left. Requests of other sites prove no
 * such origin.
 */
export function csrfProtection(address: Address = {}): RequestHandler {
  return function csrf(req, res, next) {
    const accepted =
      SAFE_METHODS.has(req.method) ||
      hasToken(req) ||
      (isSignOut(req, res) && isOfSameOrigin(req, address));
    if (accepted) next();
    else if (isApi(req) && !isSignedIn(req)) requireSignIn(req, res, next);
    else next(new StalePageError());
  };
}

/**
 * Signing out everywhere takes the token as long as the session lives: the page may be another
 * user's.
 */
function isSignOut({ method, path }: Request, { locals }: Response): boolean {
  const paths = locals.endedSession ? /^\/logout(?:\/everywhere)?\/?$/i : /^\/logout\/?$/i;
  return method === "POST" && paths.test(path);
}

/** Whether the browser's headers, which scripts can't set, show that this site sent the request. */
function isOfSameOrigin(req: Request, address: Address): boolean {
  const site = req.get("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  const origin = req.get("origin");
  return origin !== undefined && origin === siteOf(req, address)?.origin;
}

function hasToken(req: Request): boolean {
  const token = credentialOf(req)?.csrf_token;
  const sent = req.get("x-csrf-token") ?? req.body?._csrf;
  return (
    Boolean(token) && typeof sent === "string" && timingSafeEqual(digest(sent), digest(`${token}`))
  );
}

/** timingSafeEqual compares buffers of the same length only. */
function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
