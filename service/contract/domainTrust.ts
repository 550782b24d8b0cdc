import { isLoopbackHttp } from "./loopback.ts";

/**
 * How a provider's tokens say that an account belongs to the domain of its address, so that whoever
 * leaves the domain loses the account. An address that was verified once does not: other providers
 * give accounts to addresses of any domain. Undefined: it is not known that they say so at all.
 *
 * - Each account of a provider on this machine: it is the developer's own.
 * - Google's `hd`: https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
 * - Microsoft's `xms_edov`: https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
 */
export function domainClaimOf(issuer: URL): "each" | "hd" | "xms_edov" | undefined {
  if (isLoopbackHttp(issuer)) return "each";
  if (issuer.host === "accounts.google.com") return "hd";
  if (issuer.host === "login.microsoftonline.com") return "xms_edov";
  return undefined;
}
