import { isLoopbackHttp } from "./loopback.ts";

/**
 * The claim by which a provider says that the domain of an e-mail address controls the account, so
 * that whoever leaves the domain loses the account. A verified address is not enough, because most
 * providers accept addresses of any domain. Undefined if the provider is not known to have such a
 * claim.
 *
 * - `each`: a provider on this machine, where every account is the developer's own.
 * - Google's `hd`: https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
 * - Microsoft's `xms_edov`: https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
 */
export function domainClaimOf(issuer: URL): "each" | "hd" | "xms_edov" | undefined {
  if (isLoopbackHttp(issuer)) return "each";
  if (issuer.host === "accounts.google.com") return "hd";
  if (issuer.host === "login.microsoftonline.com") return "xms_edov";
  return undefined;
}
