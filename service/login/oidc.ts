import { isNativeError } from "node:util/types";
import * as openid from "openid-client";
import { once } from "../pure/once.ts";
import { printable } from "../pure/printable.ts";
import type { ClaimedEmail } from "./allowList.ts";
import { type FailureDetails, SignInError } from "./failure.ts";
import type { Proofs } from "./proofs.ts";

/** A provider and this service's account with it. */
export interface OidcConfig {
  /** http only on the loopback interface. */
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface OidcDeps {
  readonly config: OidcConfig;
  readonly fetch?: typeof fetch;
  /** Seconds that one request to the provider may take. */
  readonly timeout?: number;
}

/** Who signed in. */
export interface Identity extends ClaimedEmail {
  readonly subject: string;
  readonly idToken: string;
  readonly issuer: string;
  /** The provider's name for its own session, the claim `sid`. */
  readonly providerSid: string | undefined;
}

/** All methods throw SignInError, and nothing else on purpose. */
export interface OidcClient {
  /** Where to send the browser. `otherAccount`: the provider asks again who it is. */
  authorizationUrl(redirectUri: string, proofs: Proofs, otherAccount: boolean): Promise<URL>;
  /** Takes the URL that the browser came back to and gets who it is from the provider. */
  redeem(callback: URL, proofs: Proofs): Promise<Identity>;
}

const SCOPE = "openid email profile";
const TIMEOUT_SECONDS = 10;
const GOOGLE = "https://accounts.google.com";

/** The provider did not answer, or answered that it has a fault. */
class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/**
 * The code flow of OpenID Connect with PKCE. The provider's metadata is read on first use, once
 * for all who wait, and again after it failed: a provider that is down keeps nobody from starting.
 */
export function createOidcClient({
  config: { issuer, clientId, clientSecret },
  fetch: send = fetch,
  timeout = TIMEOUT_SECONDS,
}: OidcDeps): OidcClient {
  async function reach(url: string, options: openid.CustomFetchOptions): Promise<Response> {
    const response = await send(url, options as RequestInit).catch((cause: unknown) => {
      throw new UnreachableError(describeCause(cause));
    });
    if (response.status < 500) return response;
    await response.body?.cancel();
    throw new UnreachableError(`status ${response.status}`);
  }

  const discovered = once(() =>
    openid.discovery(issuer, clientId, undefined, clientAuthentication(clientSecret), {
      [openid.customFetch]: reach,
      timeout,
      execute: [
        openid.enableNonRepudiationChecks,
        ...(issuer.protocol === "http:" ? [openid.allowInsecureRequests] : []),
      ],
    }),
  );

  async function discover(): Promise<openid.Configuration> {
    try {
      return await discovered();
    } catch (error) {
      // Metadata that makes no sense is the provider's or the setting's fault, and may be mended.
      throw new SignInError("provider_unavailable", { step: "discovery", ...describe(error) });
    }
  }

  return {
    async authorizationUrl(redirectUri, { state, nonce, verifier }, otherAccount) {
      const provider = await discover();
      const parameters = {
        redirect_uri: redirectUri,
        scope: SCOPE,
        state,
        nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        ...(otherAccount && promptForAccount(provider.serverMetadata())),
      };
      try {
        return openid.buildAuthorizationUrl(provider, parameters);
      } catch (error) {
        throw translate(error);
      }
    },

    async redeem(callback, { state, nonce, verifier }) {
      const provider = await discover();
      requireAnswer(callback.searchParams);
      try {
        const tokens = await openid.authorizationCodeGrant(provider, callback, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (claims === undefined || tokens.id_token === undefined) {
          throw new SignInError("provider_error", { step: "tokens" });
        }
        const { email, email_verified, hd } =
          claims.email === undefined && provider.serverMetadata().userinfo_endpoint !== undefined
            ? await openid.fetchUserInfo(provider, tokens.access_token, claims.sub)
            : claims;
        return {
          subject: claims.sub,
          email: typeof email === "string" ? email : undefined,
          emailVerified: email_verified === true,
          ofDomain: issuer.origin !== GOOGLE || isGoogles(email, hd),
          idToken: tokens.id_token,
          issuer: claims.iss,
          providerSid: typeof claims.sid === "string" ? claims.sid : undefined,
        };
      } catch (error) {
        throw error instanceof SignInError ? error : translate(error);
      }
    },
  };
}

/**
 * Whether Google hosts the address. It gives accounts to addresses of any domain as well, which
 * the domain knows nothing of and can't end:
 * https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
 */
function isGoogles(email: unknown, hostedDomain: unknown): boolean {
  const hosted = typeof hostedDomain === "string" && hostedDomain !== "";
  return hosted || /@gmail\.com$/i.test(String(email));
}

/** What comes back is a code or an error, and everything once. */
function requireAnswer(parameters: URLSearchParams): void {
  const names = [...parameters.keys()];
  const whole = names.includes("code") || names.includes("error");
  if (!whole || new Set(names).size < names.length) throw new SignInError("forged_answer");
}

/** In the request's body if the provider takes it there: encodings of the header differ. */
function clientAuthentication(clientSecret: string): openid.ClientAuth {
  const inBody = openid.ClientSecretPost(clientSecret);
  const inHeader = openid.ClientSecretBasic(clientSecret);
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const authenticate = methods?.includes("client_secret_post") ? inBody : inHeader;
    authenticate(server, client, body, headers);
  };
}

/** Makes a provider that remembers somebody ask again, in the way that it knows. */
function promptForAccount(server: openid.ServerMetadata): { readonly prompt?: string } {
  const known = server.prompt_values_supported;
  if (!Array.isArray(known) || known.includes("select_account")) {
    return { prompt: "select_account" };
  }
  return known.includes("login") ? { prompt: "login" } : {};
}

/** What an error of openid-client means to whoever is signing in. */
function translate(error: unknown): SignInError {
  const details = describe(error);
  if (error instanceof openid.AuthorizationResponseError) {
    const unavailable = ["server_error", "temporarily_unavailable"];
    if (error.error === "access_denied") return new SignInError("cancelled", details);
    return new SignInError(
      unavailable.includes(error.error) ? "provider_unavailable" : "provider_error",
      details,
    );
  }
  if (error instanceof openid.ResponseBodyError) {
    return new SignInError(
      error.error === "invalid_grant" ? "code_refused" : "provider_error",
      details,
    );
  }
  if (unreachable(error) !== undefined) return new SignInError("provider_unavailable", details);
  const subject = subjectOf(error);
  const throughBrowser = "parameters" in subject || subject.claim === "nonce";
  return new SignInError(throughBrowser ? "forged_answer" : "provider_error", details);
}

/** What may be logged of an error: openid-client attaches codes and tokens, its messages don't. */
function describe(error: unknown): FailureDetails {
  if (
    error instanceof openid.AuthorizationResponseError ||
    error instanceof openid.ResponseBodyError
  ) {
    return {
      error: printable(error.error, 200),
      error_description: printable(error.error_description ?? "", 200),
    };
  }
  const cause = unreachable(error);
  if (cause !== undefined) return { cause: cause.message };
  if (!(error instanceof openid.ClientError)) return { cause: describeCause(error) };
  const inner = error.cause instanceof Error ? error.cause.message : undefined;
  return { error: error.code, cause: inner ?? error.message };
}

function unreachable(error: unknown): Error | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof openid.ClientError && error.code === "OAUTH_TIMEOUT") return error;
  return [error, cause].find((candidate) => candidate instanceof UnreachableError);
}

/** What openid-client says that a check failed on. */
function subjectOf(error: unknown): { readonly claim?: unknown } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.cause : {};
  return typeof cause === "object" && cause !== null ? cause : {};
}

/** The code of a network error if there is one, such as ECONNREFUSED; otherwise its name. */
function describeCause(error: unknown): string {
  if (!isNativeError(error)) return "unknown";
  const { cause } = error;
  return isNativeError(cause) && "code" in cause ? String(cause.code) : error.name;
}
