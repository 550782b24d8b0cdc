/** Yields a token for Google's APIs. Rejects if there are no credentials. */
export type AccessTokens = () => Promise<string>;

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/**
 * Tokens of the account that this runs as: on Cloud Run the service's, elsewhere gcloud's
 * application default credentials. The library is loaded with the first token, not at the start.
 */
export function googleAccessTokens(): AccessTokens {
  let client: Promise<{ getAccessToken(): Promise<string | null | undefined> }> | undefined;
  return async function accessToken() {
    client ??= import("google-auth-library").then(
      ({ GoogleAuth }) => new GoogleAuth({ scopes: [SCOPE] }),
    );
    const token = await (await client).getAccessToken();
    if (!token) throw new Error("The account has no access token");
    return token;
  };
}
