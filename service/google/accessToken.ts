import { once } from "../pure/once.ts";

/** Returns a token for Google's APIs. Rejects if there are no credentials. */
export type AccessTokens = () => Promise<string>;

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/**
 * Tokens of the account that this runs as: on Cloud Run the service's, elsewhere gcloud's
 * application default credentials. The library is loaded with the first token, not at the start.
 */
export function googleAccessTokens(): AccessTokens {
  const client = once(async () => {
    // Without a metadata server, the library's ping prints a warning to stderr.
    process.env.METADATA_SERVER_DETECTION ??= "bios-only";
    const { GoogleAuth } = await import("google-auth-library");
    return new GoogleAuth({ scopes: [SCOPE] });
  });
  return async function accessToken() {
    const token = await (await client()).getAccessToken();
    if (!token) throw new Error("The account has no access token");
    return token;
  };
}
