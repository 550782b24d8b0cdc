import { isLoopbackHttp } from "../contract/loopback.ts";
import { type Environment, optional, type Parsed, problem } from "../contract/settings.ts";
import type { GoogleApi } from "./googleApiError.ts";

/**
 * Base URL of an API from its variable, such as SECRET_MANAGER_ENDPOINT, without a slash at its
 * end: Google's by default, a region's, or a stand-in's on this machine. No other host is accepted,
 * because whoever answers chooses the keys, or who is signed out.
 */
export function parseEndpoint(env: Environment, api: GoogleApi): Parsed<string> {
  const variable = `${api.code}_ENDPOINT`;
  const value = endpointOf(api, optional(env, variable));
  if (value !== undefined) return { value };
  return problem(
    variable,
    `is neither an address of ${api.name} nor http on this machine`,
    "Leave it out, or set it to http://127.0.0.1:PORT of a stand-in",
  );
}

/** Parses an API's base URL; undefined if it is not allowed. */
export function endpointOf({ service }: GoogleApi, text = `https://${service}.googleapis.com`) {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const googles = new RegExp(`^https://${service}(\\.[a-z\\d-]+\\.rep)?\\.googleapis\\.com$`);
  const isKnown = googles.test(url.origin) || isLoopbackHttp(url);
  return isKnown && url.href === `${url.origin}/` ? url.origin : undefined;
}
