import { once } from "../pure/once.ts";

/** Yields a token for Google's APIs. Rejects if there are no credentials. */
export type AccessTokens = () => Promise<string>;

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/**
 * Tokens of the account that this runs as: on Cloud Run the service's, elsewhere gcloud's
 * application default credentials. The library is loaded with the first token, not at the start.
 */
export function googleAccessTokens(): AccessTokens {
  const client = once(async () => {
    const { GoogleAuth } = await import("google-auth-library");
    silenceLookups();
    return new GoogleAuth({ scopes: [SCOPE] });
  });
  return async function accessToken() {
    const token = await (await client()).getAccessToken();
    if (!token) throw new Error("The account has no access token");
    return token;
  };
}

/**
 * Where the library finds no metadata server it also warns of it on stderr, beside the log and in no
 * form of its own. The error that follows says all that is of use.
 */
function silenceLookups(): void {
  const emitWarning = process.emitWarning as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]) => {
    if (args[1] !== "MetadataLookupWarning") emitWarning.apply(process, args);
  };
}
