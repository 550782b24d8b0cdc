import { isLoopbackHttp } from "../contract/loopback.ts";
import { type Environment, optional, type Parsed, problem } from "../contract/settings.ts";

export const SECRET_MANAGER = "https://secretmanager.googleapis.com";
export const CLOUD_STORAGE = "https://storage.googleapis.com";

/** The global address, or a region's. */
const SECRET_MANAGER_HOST = /^secretmanager(\.[a-z\d-]+\.rep)?\.googleapis\.com$/;
const CLOUD_STORAGE_HOST = /^storage(\.[a-z\d-]+\.rep)?\.googleapis\.com$/;

/**
 * Base URL of Secret Manager's API, without a slash at its end: Google's, or a stand-in's on this
 * machine. No other host is taken, because whoever answers chooses the keys.
 */
export function parseSecretManagerEndpoint(env: Environment): Parsed<string> {
  const text = optional(env, "SECRET_MANAGER_ENDPOINT") ?? SECRET_MANAGER;
  return parsed("SECRET_MANAGER_ENDPOINT", "Secret Manager", parseSecretManager(text));
}

/** Base URL of Cloud Storage's API in the same way: whoever answers chooses who is signed out. */
export function parseCloudStorageEndpoint(env: Environment): Parsed<string> {
  const text = optional(env, "CLOUD_STORAGE_ENDPOINT") ?? CLOUD_STORAGE;
  return parsed("CLOUD_STORAGE_ENDPOINT", "Cloud Storage", parseCloudStorage(text));
}

/** Secret Manager's endpoint without a slash at its end; undefined if it may not be used. */
export function parseSecretManager(text: string): string | undefined {
  return baseUrl(text, SECRET_MANAGER_HOST);
}

/** Cloud Storage's endpoint in the same way. */
export function parseCloudStorage(text: string): string | undefined {
  return baseUrl(text, CLOUD_STORAGE_HOST);
}

/** Whether calls there carry a token: to Google always, to a stand-in never. */
export function needsToken(endpoint: string): boolean {
  return !isLoopbackHttp(new URL(endpoint));
}

function baseUrl(text: string, host: RegExp): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const bare = url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
  const google = url.protocol === "https:" && host.test(url.host);
  return bare && (google || isLoopbackHttp(url)) ? url.origin : undefined;
}

function parsed(name: string, api: string, value: string | undefined): Parsed<string> {
  if (value !== undefined) return { value };
  return problem(
    name,
    `is neither an address of ${api} nor http on this machine`,
    "Leave it out, or set it to http://127.0.0.1:PORT of a stand-in",
  );
}
