import { isNativeError } from "node:util/types";
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import * as openid from "openid-client";
import { messageOf } from "../contract/errors.ts";
import { type AbortAfter, aborted } from "../process/abort.ts";
import { createFreshRun } from "../pure/freshRun.ts";
import { asObject } from "../pure/json.ts";
import { printable } from "../pure/printable.ts";
import type { Seconds } from "../pure/seconds.ts";
import { createSingleFlight } from "../pure/singleFlight.ts";
import { createTokenBucket } from "../pure/tokenBucket.ts";
import { SignInError } from "./failures.ts";
import type { OidcConfig } from "./settings.ts";

export interface ProviderDeps {
  readonly config: OidcConfig;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly fetch?: typeof fetch;
  /** Timeout of a request to the provider in seconds. */
  readonly timeout?: Seconds;
  readonly abortAfter?: AbortAfter;
}

/** A provider with its metadata and keys. */
export interface Provider {
  readonly configuration: openid.Configuration;
  readonly metadata: openid.ServerMetadata;
  /** Its signing keys, cached with this object. */
  readonly keys: JWTVerifyGetKey;
}

/** The provider as its cached discovery document describes it. */
export interface ProviderCache {
  /** @throws SignInError with the reason `provider_unavailable` or `misconfigured` */
  current(): Promise<Provider>;
  /**
   * The provider after its document was read again, because what `known` says no longer holds;
   * `known` itself if that was done too often already. `keepKeys`: its keys are not in doubt.
   */
  reread(known: Provider, keepKeys: boolean): Promise<Provider>;
}

const TIMEOUT: Seconds = 10;

/** Maximum characters of a response, of which the largest have many keys or groups. */
const MAX_LENGTH = 1_000_000;

/** Lifetime of a cached discovery document, and the pause before a failed refresh is retried. */
const MAX_AGE: Seconds = 600;
const RETRY_INTERVAL: Seconds = 30;

/** Minimum seconds between two reads of the keys, which invented key IDs cause. */
const RELOAD_INTERVAL: Seconds = 1;

/** Rate limit of forced rereads: burst, and seconds per further one. */
const REREAD_BURST = 5;
const REREAD_INTERVAL = 30;

/** The provider did not answer in time, or with a status that may pass. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  /** Whether the connection failed: the endpoint may be elsewhere now, or the connection was idle. */
  readonly connectionFailed: boolean;

  constructor(cause: string, connectionFailed = false) {
    super(cause);
    this.connectionFailed = connectionFailed;
  }
}

/** An endpoint is not where the discovery document says. */
export class MovedError extends Error {
  override readonly name = "MovedError";
}

/** Caches a provider's discovery document. Requests are single-flight; failures are not cached. */
export function createProviderCache(deps: ProviderDeps): ProviderCache {
  const { clock } = deps;
  const readOnce = createSingleFlight<Provider>();
  const rereads = createTokenBucket(REREAD_BURST, REREAD_INTERVAL);
  let known: { readonly provider: Provider; readonly until: Seconds } | undefined;

  const read = (sameKeys?: Provider) =>
    readOnce("", async () => {
      const found = await discover(deps);
      const keeps = sameKeys?.metadata.jwks_uri === found.metadata.jwks_uri;
      const provider = sameKeys && keeps ? { ...found, keys: sameKeys.keys } : found;
      known = { provider, until: clock() + MAX_AGE };
      return provider;
    });

  return {
    async current() {
      if (known === undefined) return await read();
      const { provider, until } = known;
      if (clock() < until) return provider;
      return await read().catch(() => {
        known = { provider, until: clock() + RETRY_INTERVAL };
        return provider;
      });
    },

    async reread(stale, keepKeys) {
      const latest = known?.provider ?? stale;
      if (latest !== stale || !rereads.take(clock())) return latest;
      return await read(keepKeys ? stale : undefined);
    },
  };
}

async function discover(deps: ProviderDeps): Promise<Provider> {
  const { timeout = TIMEOUT } = deps;
  const { issuer, clientId, clientSecret } = deps.config;
  const metadata = await readDocument(deps, timeout);
  const send = reachable(deps);
  const authentication = clientAuthentication(clientSecret);
  const configuration = new openid.Configuration(metadata, clientId, undefined, authentication);
  configuration.timeout = timeout;
  configuration[openid.customFetch] = send;
  if (issuer.protocol === "http:") openid.allowInsecureRequests(configuration);
  return { configuration, metadata, keys: keysOf(metadata, issuer, send, deps) };
}

/**
 * https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
 *
 * @throws SignInError: `provider_unavailable` if that may pass, `misconfigured` if it can't
 */
async function readDocument(deps: ProviderDeps, timeout: Seconds): Promise<openid.ServerMetadata> {
  const { issuer } = deps.config;
  const url = `${issuer.href.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const step = "discovery";
  const misconfigured = (cause: string, found?: string) =>
    new SignInError("misconfigured", {
      step,
      setting: "OIDC_ISSUER",
      configured: issuer.href,
      ...(found !== undefined && { found: printable(found, 300) }),
      cause,
    });
  const response = await exchange(deps, url, {
    headers: { accept: "application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(timeout * 1000),
  }).catch((error: unknown) => {
    throw new SignInError("provider_unavailable", { step, cause: messageOf(error) });
  });
  const { status } = response;
  if (status >= 300 && status < 400) {
    const cause = "the provider redirects the address of its discovery document";
    throw misconfigured(cause, response.headers.get("location") ?? "");
  }
  if (status !== 200) throw misconfigured(`status ${status} instead of a discovery document`);
  const document = parseDocument(await response.text());
  if (document === undefined) throw misconfigured("what is there is no discovery document");
  if (URL.parse(document.issuer)?.href !== issuer.href) {
    throw misconfigured("the provider calls itself something else", document.issuer);
  }
  return document;
}

function parseDocument(text: string): openid.ServerMetadata | undefined {
  try {
    const document = asObject(JSON.parse(text));
    return typeof document?.issuer === "string" ? (document as openid.ServerMetadata) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Sends a request and reads the whole response, because a body can fail, stall or be endless too.
 * @throws UnreachableError for that, for network errors and for statuses that may pass
 */
async function exchange(
  { fetch: send = fetch }: ProviderDeps,
  url: string,
  init: RequestInit,
): Promise<Response> {
  let response: Response;
  let text = "";
  try {
    response = await send(url, init);
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MAX_LENGTH) break;
    }
  } catch (error) {
    const code = causeOf(error);
    throw new UnreachableError(code, !/time.?out/i.test(code));
  }
  const { status } = response;
  if (text.length > MAX_LENGTH) throw new UnreachableError("the response is too long");
  if (status >= 500 || [408, 425, 429].includes(status)) {
    throw new UnreachableError(`status ${status}`);
  }
  const headers = new Headers(response.headers);
  // openid-client would report a challenge in place of the body, which has the cause.
  headers.delete("www-authenticate");
  return new Response(text || null, { status, headers });
}

/**
 * `fetch` that throws UnreachableError, and MovedError for redirects, 404, 405 and 410. Redirects
 * are not followed, because requests have the client secret.
 */
function reachable(deps: ProviderDeps): openid.CustomFetch {
  return async (url, options) => {
    const response = await exchange(deps, url, options as RequestInit);
    const { status } = response;
    if ((status < 300 || status >= 400) && ![404, 405, 410].includes(status)) return response;
    throw new MovedError(`status ${status} at ${printable(url, 200)}`);
  };
}

/**
 * The keys at `jwks_uri`. A key id that isn't among them is looked up once more after the call,
 * with all that wait: strangers send invented ones in logout tokens, and jose's cooldown of 30 s
 * after those would refuse tokens of a new key. Known keys stay, also while they can't be read
 * again.
 */
function keysOf(
  { jwks_uri }: openid.ServerMetadata,
  issuer: URL,
  send: openid.CustomFetch,
  { timeout = TIMEOUT, abortAfter = AbortSignal.timeout }: ProviderDeps,
): JWTVerifyGetKey {
  const url = URL.parse(jwks_uri ?? "");
  if (url === null || (url.protocol !== "https:" && url.protocol !== issuer.protocol)) {
    const cause = "jwks_uri is no https URL";
    return () => Promise.reject(new SignInError("provider_error", { step: "keys", cause }));
  }
  const known = createRemoteJWKSet(url, {
    timeoutDuration: timeout * 1000,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: Number.POSITIVE_INFINITY,
    [customFetch]: (address, options) => send(address, options as never),
  });
  const reload = createFreshRun(known.reload, () => aborted(abortAfter(RELOAD_INTERVAL * 1000)));
  return async (header, token) => {
    if (known.fresh) {
      try {
        return await known(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
    }
    await reload();
    return await known(header, token);
  };
}

/** Sent in the body if the provider supports that, because encodings of the header differ. */
function clientAuthentication(clientSecret: string): openid.ClientAuth {
  const inBody = openid.ClientSecretPost(clientSecret);
  const inHeader = openid.ClientSecretBasic(clientSecret);
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const authenticate = methods?.includes("client_secret_post") ? inBody : inHeader;
    authenticate(server, client, body, headers);
  };
}

/** The code of a network error if there is one, such as ECONNREFUSED; otherwise its name. */
export function causeOf(error: unknown): string {
  if (!isNativeError(error)) return error instanceof DOMException ? error.name : "unknown";
  const { cause } = error;
  return isNativeError(cause) && "code" in cause ? String(cause.code) : error.name;
}
