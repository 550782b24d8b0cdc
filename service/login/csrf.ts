import { hash, timingSafeEqual } from "node:crypto";
import { csrfSync } from "csrf-sync";
import type { Request, RequestHandler } from "express";
import { type PublicAddress, siteOf } from "../http/publicUrl.ts";
import { credentialOf, isSignedIn } from "../session/session.ts";
import { isApi, requireSignIn } from "./requireSignIn.ts";

type Address = Pick<PublicAddress, "publicUrl">;

/** RFC 9110, 9.2.1, without TRACE, which nobody sends. */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses every unsafe request that does not carry its session's `csrf_token`, as the header
 * `x-csrf-token` or as the form field `_csrf`: status 403, code `csrf_token_invalid`. Body parsers
 * come before it. A program without a session is told that first, with 401: it has no token to send.
 *
 * Signing out, and nothing else, takes proof of the same origin in the token's place: a page whose
 * token is stale, or whose session has ended, can always be left. Requests of other sites prove no
 * such origin.
 */
export function csrfProtection(address: Address = {}): RequestHandler {
  const { csrfSynchronisedProtection } = csrfSync({
    // Compared in constant time here, because csrf-sync's own comparison is not.
    getTokenFromRequest: (req) => {
      const token = credentialOf(req)?.csrf_token;
      return token && isSame(req.get("x-csrf-token") ?? formField(req), token) ? token : undefined;
    },
    getTokenFromState: (req) => credentialOf(req)?.csrf_token,
    // Each session begins with a token and keeps it.
    storeTokenInState() {},
    errorConfig: {
      statusCode: 403,
      code: "csrf_token_invalid",
      message:
        "This page is no longer valid: since it was opened, you have signed in again, or the " +
        "session has ended. Go back, reload the page and try again.",
    },
  });
  return function csrf(req, res, next) {
    // csrf-sync would let these through as well, and attach a function to each that keeps requests
    // in memory until a full collection.
    if (SAFE_METHODS.has(req.method) || (isSignOut(req) && isOfSameOrigin(req, address))) {
      next();
      return;
    }
    csrfSynchronisedProtection(req, res, (error?: unknown) => {
      if (error !== undefined && isApi(req) && !isSignedIn(req)) requireSignIn(req, res, next);
      else next(error);
    });
  };
}

function isSignOut({ method, path }: Request): boolean {
  return method === "POST" && /^\/logout\/?$/i.test(path);
}

/** Whether the browser says that a page of this site sent the request; scripts can't set either. */
function isOfSameOrigin(req: Request, address: Address): boolean {
  const site = req.get("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  const origin = req.get("origin");
  return origin !== undefined && origin === siteOf(req, address)?.origin;
}

function isSame(sent: string | undefined, token: string): boolean {
  return sent !== undefined && timingSafeEqual(digest(sent), digest(token));
}

/** timingSafeEqual compares buffers of the same length only. */
function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

function formField(req: Request): string | undefined {
  const body: unknown = req.body;
  const field = typeof body === "object" && body !== null && "_csrf" in body ? body._csrf : "";
  return typeof field === "string" && field !== "" ? field : undefined;
}
