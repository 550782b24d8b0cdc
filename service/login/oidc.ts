import { compactVerify, errors } from "jose";
import * as openid from "openid-client";
import { printable } from "../pure/printable.ts";
import type { ClaimedEmail } from "./allowList.ts";
import type { Proofs } from "./attempts.ts";
import { emailOf } from "./claims.ts";
import { type FailureDetails, SignInError } from "./failures.ts";
import { isName, type LogoutToken, verifyLogoutToken } from "./logoutToken.ts";
import {
  causeOf,
  createProviderCache,
  MovedError,
  type Provider,
  type ProviderDeps,
  UnreachableError,
} from "./provider.ts";

/** Who signed in. */
export interface Identity extends ClaimedEmail {
  /** The configured issuer, which `iss` of the ID token may spell differently. */
  readonly issuer: string;
  readonly subject: string;
  /** The provider's id of the session in which the user signed in there. */
  readonly providerSid: string | undefined;
  readonly idToken: string;
}

/** All methods throw SignInError. */
export interface OidcClient {
  /** URL of the provider's sign-in. `otherAccount`: the provider asks for the account again. */
  authorizationUrl(redirectUri: string, proofs: Proofs, otherAccount: boolean): Promise<URL>;
  /** Redeems a callback URL at the provider for the user's identity. */
  redeem(callback: URL, proofs: Proofs): Promise<Identity>;
  /**
   * Where a user ends the session at the provider, and from where they come back to `returnTo`;
   * undefined if the provider has no such page. `hint` says whose session.
   * https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
   */
  endSessionUrl(returnTo: string, hint: string | undefined): Promise<URL | undefined>;
  /** Verifies a logout token; returns it, or the reason why it is invalid. */
  verifyLogoutToken(token: string): Promise<LogoutToken | string>;
}

/** Of the provider's sign-out page, whose sealed URL has to fit into a cookie. */
const MAX_URL_LENGTH = 2_500;

const SCOPE = "openid email profile";

/**
 * Without a list in the discovery document:
 * https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
 */
const DEFAULT_ALGORITHMS = ["RS256"];

/**
 * The code flow of OpenID Connect with PKCE. The provider's metadata and keys are read on first
 * use, and again as soon as an endpoint is gone or a token is signed with a new key.
 */
export function createOidcClient(deps: ProviderDeps): OidcClient {
  const { issuer, clientId, trustedDomains = [] } = deps.config;
  const cache = createProviderCache(deps);

  /** Retries a task once with new metadata if the metadata turns out to be stale. */
  async function withProvider<Result>(task: (provider: Provider) => Promise<Result>) {
    const provider = await cache.current();
    try {
      return await task(provider);
    } catch (error) {
      const keysAreStale = areKeysStale(error);
      if (!keysAreStale && !areEndpointsStale(error)) throw translate(error);
      const latest = await cache.reread(provider, !keysAreStale);
      if (latest === provider) throw translate(error);
      return await task(latest).catch((again: unknown) => {
        throw translate(again);
      });
    }
  }

  return {
    authorizationUrl: (redirectUri, { state, nonce, verifier }, otherAccount) =>
      withProvider(async ({ configuration, metadata }) =>
        openid.buildAuthorizationUrl(configuration, {
          redirect_uri: redirectUri,
          scope: SCOPE,
          state,
          nonce,
          code_challenge: await openid.calculatePKCECodeChallenge(verifier),
          code_challenge_method: "S256",
          ...(otherAccount && promptForAccount(metadata)),
        }),
      ),

    async redeem(callback, { state, nonce, verifier }) {
      requireAnswer(callback.searchParams);
      const tokens = await withProvider(({ configuration }) =>
        openid.authorizationCodeGrant(configuration, callback, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        }),
      );
      const claims = tokens.claims();
      const idToken = tokens.id_token;
      if (claims === undefined || idToken === undefined || !isName(claims.sub)) {
        throw new SignInError("provider_error", {
          step: "tokens",
          cause: 'there is no valid "sub"',
        });
      }
      // TLS already authenticates the token. The signature protects even if a proxy intercepts TLS.
      await withProvider(({ metadata, keys }) =>
        compactVerify(idToken, keys, {
          algorithms: metadata.id_token_signing_alg_values_supported ?? DEFAULT_ALGORITHMS,
        }),
      );
      const email = await emailOf(claims, {
        issuer,
        trustedDomains,
        userinfo: () =>
          withProvider(async ({ configuration, metadata }) =>
            metadata.userinfo_endpoint
              ? await openid.fetchUserInfo(configuration, tokens.access_token, claims.sub)
              : undefined,
          ),
      });
      return {
        ...email,
        issuer: issuer.href,
        subject: claims.sub,
        // A longer one ends nothing, and would keep its owner out: it goes into the cookie.
        providerSid: isName(claims.sid) ? claims.sid : undefined,
        idToken,
      };
    },

    verifyLogoutToken: (token) =>
      withProvider(async ({ metadata, keys }) => {
        const verified = await verifyLogoutToken(token, {
          keys,
          issuer: metadata.issuer,
          clientId,
          algorithms: metadata.id_token_signing_alg_values_supported ?? DEFAULT_ALGORITHMS,
          namesSessions: metadata.backchannel_logout_session_supported === true,
          clock: deps.clock,
        });
        return typeof verified === "string" ? verified : { ...verified, issuer: issuer.href };
      }),

    async endSessionUrl(returnTo, hint) {
      const { metadata } = await cache.current();
      const url = URL.parse(metadata.end_session_endpoint ?? "");
      if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
      url.searchParams.set("client_id", clientId);
      url.searchParams.set("post_logout_redirect_uri", returnTo);
      if (hint !== undefined) url.searchParams.set("logout_hint", hint);
      return url.href.length > MAX_URL_LENGTH ? undefined : url;
    },
  };
}

/** Checks that a callback has a code or an error, no token, and no repeated parameter. */
function requireAnswer(parameters: URLSearchParams): void {
  const names = [...parameters.keys()];
  const whole = Boolean(parameters.get("code") || parameters.get("error"));
  const hasToken = names.includes("id_token") || names.includes("token");
  if (!whole || hasToken || new Set(names).size < names.length) {
    throw new SignInError("forged_answer");
  }
}

/** The `prompt` for another account; undefined if the provider supports none. */
function promptForAccount(metadata: openid.ServerMetadata): { readonly prompt?: string } {
  const known = metadata.prompt_values_supported;
  if (!Array.isArray(known) || known.includes("select_account")) {
    return { prompt: "select_account" };
  }
  return known.includes("login") ? { prompt: "login" } : {};
}

/** Whether an endpoint is gone, or can't be connected to. */
function areEndpointsStale(error: unknown): boolean {
  const { connectionFailed = false } = causeIn(error, UnreachableError) ?? {};
  return connectionFailed || causeIn(error, MovedError) !== undefined;
}

/** Whether a token's key is unknown or has changed under its old id, or without one. */
function areKeysStale(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWSSignatureVerificationFailed
  );
}

/**
 * What an error of openid-client or jose means to whoever is signing in, with what may be logged of
 * it: openid-client attaches codes and tokens to its errors, and has none in their messages.
 */
function translate(error: unknown): SignInError {
  if (error instanceof SignInError) return error;
  if (error instanceof openid.AuthorizationResponseError) {
    const reason = error.error === "access_denied" ? "cancelled" : "error_reported";
    return new SignInError(reason, reportedBy(error));
  }
  if (error instanceof openid.ResponseBodyError) {
    // Only the code comes from the browser, and anybody can invent one.
    const isAboutCode = ["invalid_grant", "invalid_request"].includes(error.error);
    return new SignInError(isAboutCode ? "code_refused" : "provider_error", reportedBy(error));
  }
  const unreachable = causeIn(error, UnreachableError);
  const cause = (unreachable ?? causeIn(error, MovedError))?.message;
  const details = cause === undefined ? describe(error) : { cause };
  const code = error instanceof openid.ClientError && error.code;
  if (
    unreachable !== undefined ||
    code === "OAUTH_TIMEOUT" ||
    error instanceof errors.JWKSTimeout
  ) {
    return new SignInError("provider_unavailable", details);
  }
  const { parameters, claim } = (oauthErrorIn(error)?.cause ?? {}) as Record<string, unknown>;
  const throughBrowser = parameters !== undefined || claim === "nonce";
  return new SignInError(throughBrowser ? "forged_answer" : "provider_error", details);
}

type OAuthError = Pick<openid.ResponseBodyError, "error"> & {
  readonly error_description?: unknown;
};

function reportedBy({ error, error_description = "" }: OAuthError): FailureDetails {
  const description = printable(String(error_description), 200);
  return { error: printable(error, 200), error_description: description };
}

function describe(error: unknown): FailureDetails {
  if (error instanceof errors.JOSEError) return { error: error.code };
  const { code, message, cause } = oauthErrorIn(error) ?? {};
  if (code === undefined || message === undefined) return { cause: causeOf(error) };
  const status = cause instanceof Response ? cause.status : undefined;
  return { error: code, cause: printable(message, 200), status };
}

/** The innermost error in which openid-client finds fault with metadata, a response or a token. */
function oauthErrorIn(error: unknown): (Error & { readonly code: string }) | undefined {
  if (!(error instanceof Error)) return undefined;
  const isOne = "code" in error && /^OAUTH_/.test(String(error.code));
  return oauthErrorIn(error.cause) ?? (isOne ? (error as Error & { code: string }) : undefined);
}

/** The error or its cause, if that is an instance of the class. */
function causeIn<Kind extends Error>(
  error: unknown,
  kind: abstract new (...args: never[]) => Kind,
): Kind | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return [error, cause].find((candidate) => candidate instanceof kind) as Kind | undefined;
}
