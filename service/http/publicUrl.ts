import type { Request, RequestHandler } from "express";

/** The service's public address. */
export interface PublicAddress {
  /** The service's URL; undefined on a developer's machine, where it is the Host header's. */
  readonly publicUrl?: URL | undefined;
  /** Further hosts that are served without a redirect. */
  readonly alsoServedAt?: readonly string[];
}

/** The request is for another host, and its body can't be redirected safely: RFC 9110, 15.5.20. */
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

/** A host name or an address, with or without a port: the common part of RFC 3986, 3.2.2. */
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

/** A redirect appends this to the query. It is removed again before routes see the URL. */
const REDIRECTED = "_redirected";
const REDIRECTED_END = new RegExp(`[?&]${REDIRECTED}$`);

/** The pages of a sign-in: its cookie and its redirect URI belong to the same host. */
const SIGN_IN_PATH = /^\/login(?:\/|$)/i;

/**
 * Redirects requests for other hosts to the public URL, because cookies and redirect URIs belong to
 * one host. Other methods than GET and HEAD get 421. `alsoServedAt` hosts are served, except that a
 * sign-in is redirected from there as well.
 *
 * A front that rewrites Host makes every request look like one for another host. Such requests are
 * served where Origin, Referer or X-Forwarded-Host says that the client is at the public URL
 * already. All others are redirected once: the target's query ends in `_redirected`, and a URL that
 * ends so is served at any host. So no client is ever redirected twice for a URL, whether or not it
 * keeps cookies, and whichever instance answers. A client that forges one of these is served at the
 * host that it asked for, where a sign-in ends in an error, because it comes back to the public
 * URL.
 */
export function redirectToPublicUrl({
  publicUrl,
  alsoServedAt = [],
}: PublicAddress): RequestHandler {
  if (publicUrl === undefined) return (_req, _res, next) => next();
  const publicHost: ReadonlySet<string> = new Set([publicUrl.host]);
  const allHosts: ReadonlySet<string> = new Set([publicUrl.host, ...alsoServedAt]);

  function isServed({ headers }: Request, hosts: ReadonlySet<string>): boolean {
    // Several fronts make a list, and some name the port.
    const names = [headers.host, ...String(headers["x-forwarded-host"] ?? "").split(",")];
    const hostOf = (name = "") => URL.parse(`${publicUrl?.protocol}//${name.trim()}/`)?.host ?? "";
    const originOf = (url = "") => URL.parse(url)?.origin;
    return (
      names.some((name) => hosts.has(hostOf(name))) ||
      [headers.origin, headers.referer].some((url) => originOf(url) === publicUrl?.origin)
    );
  }

  return function toPublicUrl(req, res, next) {
    const url = req.originalUrl;
    const redirected = REDIRECTED_END.test(url);
    if (redirected) req.url = req.originalUrl = url.replace(REDIRECTED_END, "");
    const safe = req.method === "GET" || req.method === "HEAD";
    const hosts = safe && SIGN_IN_PATH.test(req.path) ? publicHost : allHosts;
    if (isServed(req, hosts) || (safe && redirected)) {
      next();
    } else if (!safe) {
      next(new MisdirectedRequestError(publicUrl));
    } else if (url.length > MAX_LOCATION_LENGTH) {
      next(new UriTooLongError("The address is too long."));
    } else {
      const path = url.startsWith("/") ? url : "/";
      const target = `${publicUrl.origin}${path}${path.includes("?") ? "&" : "?"}${REDIRECTED}`;
      res.set("Cache-Control", "no-store").redirect(307, target);
    }
  };
}
