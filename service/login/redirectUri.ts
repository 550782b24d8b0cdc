import type { Request } from "express";

/** A host name or an address, with or without a port: RFC 3986, 3.2.2 without what nobody uses. */
const HOST =
  /^(?:[a-z\d](?:[\w-]*[a-z\d])?(?:\.[a-z\d](?:[\w-]*[a-z\d])?)*|\[[\da-f:.]+\])(?::\d{1,5})?$/i;
const MAX_HOST_LENGTH = 260;

/**
 * Where the provider sends the browser back to: this service as the browser sees it. Undefined if
 * the Host header is none. X-Forwarded-Host is not looked at, because Cloud Run does not set it and
 * passes on what a client claims.
 */
export function redirectUri(req: Request): URL | undefined {
  const { host } = req.headers;
  if (host === undefined || host.length > MAX_HOST_LENGTH || !HOST.test(host)) return undefined;
  return URL.parse(`${req.protocol}://${host}/login/callback`) ?? undefined;
}
