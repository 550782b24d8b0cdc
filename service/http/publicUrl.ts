import type { Request, RequestHandler } from "express";
import { cookieAttributes, cookieValue } from "../session/cookie.ts";

/** Where users find the service. */
export interface PublicAddress {
  /** Its one address; undefined on a developer's machine: whatever the Host header says. */
  readonly publicUrl?: URL | undefined;
  /** More hosts at which it answers without redirecting. */
  readonly alsoServedAt?: readonly string[];
}

/** The request came for another host, and its body can't be redirected safely: RFC 9110, 15.5.20. */
class MisdirectedRequestError extends Error {
  override readonly name = "MisdirectedRequestError";
  readonly status = 421;
  readonly code = "misdirected_request";

  constructor({ origin }: URL) {
    super(`This service is at ${origin}. Open it there and try again.`);
  }
}

/** The path is too long for a Location header. */
class UriTooLongError extends Error {
  override readonly name = "UriTooLongError";
  readonly status = 414;
  readonly code = "uri_too_long";
}

/** A host name or an address, with or without a port: RFC 3986, 3.2.2 without what nobody uses. */
const HOST =
  /^(?:[a-z\d](?:[\w-]*[a-z\d])?(?:\.[a-z\d](?:[\w-]*[a-z\d])?)*|\[[\da-f:.]+\])(?::\d{1,5})?$/i;
const MAX_HOST_LENGTH = 260;

/**
 * The service as the browser sees it. Undefined if the Host header is no host. X-Forwarded-Host
 * does not count, because Cloud Run does not set it and passes on what a client claims.
 */
export function siteOf(
  { headers: { host }, protocol }: Request,
  { publicUrl }: Pick<PublicAddress, "publicUrl">,
): URL | undefined {
  if (publicUrl !== undefined) return publicUrl;
  if (host === undefined || host.length > MAX_HOST_LENGTH || !HOST.test(host)) return undefined;
  return URL.parse(`${protocol}://${host}/`) ?? undefined;
}

const MAX_LOCATION_LENGTH = 8_192;
/** Seconds for which a browser remembers that it was redirected. */
const REDIRECTED_MAX_AGE = 10;

/**
 * Redirects requests for other hosts to the public URL, because cookies and redirect URIs belong to
 * one host. Other methods than GET and HEAD get 421.
 *
 * A front that rewrites Host makes every request look like one for another host. Such requests are
 * served where the browser shows that it is at the public URL already: by its Origin or Referer, by
 * the front's X-Forwarded-Host, or by the cookie that the first redirect left. A client that forges
 * these is served at the host that it asked for, and nobody else is.
 */
export function redirectToPublicUrl({
  publicUrl,
  alsoServedAt = [],
}: PublicAddress): RequestHandler {
  if (publicUrl === undefined) return (_req, _res, next) => next();
  const hosts = new Set([publicUrl.host, ...alsoServedAt]);
  const secure = publicUrl.protocol === "https:";
  const cookie = `${secure ? "__Host-" : ""}redirected`;

  function isAtPublicUrl({ headers }: Request): boolean {
    const forwarded = String(headers["x-forwarded-host"] ?? "");
    const shown = [headers.origin, headers.referer].map((url) => URL.parse(url ?? "")?.origin);
    return (
      hosts.has(forwarded.toLowerCase()) ||
      shown.includes(publicUrl?.origin) ||
      cookieValue(headers.cookie, cookie) === "1"
    );
  }

  return function toPublicUrl(req, res, next) {
    const host = URL.parse(`${publicUrl.protocol}//${req.headers.host}/`)?.host;
    if ((host !== undefined && hosts.has(host)) || isAtPublicUrl(req)) {
      next();
    } else if (req.method !== "GET" && req.method !== "HEAD") {
      next(new MisdirectedRequestError(publicUrl));
    } else if (req.originalUrl.length > MAX_LOCATION_LENGTH) {
      next(new UriTooLongError("The address is too long."));
    } else {
      const path = req.originalUrl.startsWith("/") ? req.originalUrl : "/";
      res.cookie(cookie, "1", {
        ...cookieAttributes(secure),
        maxAge: REDIRECTED_MAX_AGE * 1000,
      });
      res.set("Cache-Control", "no-store").redirect(307, `${publicUrl.origin}${path}`);
    }
  };
}
