import { once } from "../pure/once.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { OidcClient } from "./oidc.ts";
import type { OidcConfig } from "./settings.ts";

/** The client of the provider; undefined if none is configured. */
export type LazyClient = (() => Promise<OidcClient>) | undefined;

/** Imports the client at the first sign-in, which keeps cold starts short. */
export function lazyClient(oidc: OidcConfig | undefined, clock: () => Seconds): LazyClient {
  if (oidc === undefined) return undefined;
  return once(async () => (await import("./oidc.ts")).createOidcClient({ config: oidc, clock }));
}
