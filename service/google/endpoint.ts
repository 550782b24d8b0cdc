import { isLoopbackHttp } from "../contract/loopback.ts";
import { type Environment, optional, type Parsed, problem } from "../contract/settings.ts";

export const SECRET_MANAGER = "https://secretmanager.googleapis.com";

/**
 * Base URL of Secret Manager's API, without a slash at its end: Google's, or a stand-in's on this
 * machine. No other host is taken, because whoever answers chooses the keys.
 */
export function parseSecretManagerEndpoint(env: Environment): Parsed<string> {
  const text = optional(env, "SECRET_MANAGER_ENDPOINT");
  if (text === undefined) return { value: SECRET_MANAGER };
  const value = parseEndpoint(text);
  if (value !== undefined) return { value };
  return problem(
    "SECRET_MANAGER_ENDPOINT",
    "is neither Secret Manager's own address nor http on this machine",
    "Leave it out, or set it to http://127.0.0.1:PORT of a stand-in",
  );
}

/** The endpoint without a slash at its end; undefined if it is not one that may be used. */
export function parseEndpoint(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const bare = url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
  if (!bare) return undefined;
  const google = url.protocol === "https:" && isGoogle(url.host);
  return google || isLoopbackHttp(url) ? url.origin : undefined;
}

/** Whether calls there carry a token: to Google always, to a stand-in never. */
export function needsToken(endpoint: string): boolean {
  return !isLoopbackHttp(new URL(endpoint));
}

/** The global address, or a region's. */
function isGoogle(host: string): boolean {
  return /^secretmanager(\.[a-z\d-]+\.rep)?\.googleapis\.com$/.test(host);
}
