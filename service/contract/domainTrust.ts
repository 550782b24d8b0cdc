/**
 * How a provider's tokens say that an account belongs to the domain of its address, so that whoever
 * leaves the domain loses the account. An address that was verified once does not: other providers
 * give accounts to addresses of any domain. Undefined: it is not known that they say so at all.
 *
 * - Google's `hd`: https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
 * - Microsoft's `xms_edov`: https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
 */
export function domainClaimOf(issuer: URL): "hd" | "xms_edov" | undefined {
  if (issuer.host === "accounts.google.com") return "hd";
  if (issuer.host === "login.microsoftonline.com") return "xms_edov";
  return undefined;
}
