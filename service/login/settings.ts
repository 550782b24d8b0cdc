import type { Deployment } from "../contract/checks.ts";
import {
  allowListFaults,
  type CrossFault,
  domainTrustFaults,
  readSetting,
  SERVICE_SETTINGS,
  type SettingName,
  signInFaults,
} from "../contract/serviceSettings.ts";
import { collect, type Environment, faulty, optional, type Parsed } from "../contract/settings.ts";

/** A provider and this service's client at it. */
export interface OidcConfig {
  /** http only on the loopback interface. */
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Domains whose addresses this provider gives to the domain's own accounts only, in ASCII. */
  readonly trustedDomains?: readonly string[];
}

export interface SignInSettings {
  /** Undefined: nobody can sign in. */
  readonly oidc: OidcConfig | undefined;
  /** Verified e-mail addresses and @domains that may sign in; empty: everyone. */
  readonly allowedUsers: readonly string[];
}

/** Parses the settings of sign-in. */
export function parseSignInSettings(
  env: Environment,
  deployment: Deployment,
): Parsed<SignInSettings> {
  return collect((collected) => {
    const issuer = collected(readSetting(env, "oidcIssuer", deployment));
    const clientId = collected(readSetting(env, "oidcClientId", deployment));
    const clientSecret = collected(readSetting(env, "oidcClientSecret", deployment));
    collected(
      none(signInFaults((name) => optional(env, variableOf(name)) !== undefined, variableOf)),
    );
    const allowedUsers = collected(readSetting(env, "allowedUsers", deployment));
    // Undefined if the list itself is invalid.
    collected(none(allowListFaults(allowedUsers ?? ["?"], deployment)));
    const trustedDomains = collected(readSetting(env, "oidcTrustedDomains", deployment));
    const oidc =
      issuer && clientId && clientSecret
        ? { issuer, clientId, clientSecret, trustedDomains }
        : undefined;
    collected(none(domainTrustFaults(allowedUsers ?? [], oidc?.issuer, trustedDomains ?? [])));
    return { oidc, allowedUsers };
  });
}

function variableOf(name: SettingName): string {
  return SERVICE_SETTINGS[name].variable;
}

function none(faults: readonly CrossFault[]): Parsed<undefined> {
  if (faults.length === 0) return { value: undefined };
  return { problems: faults.flatMap((each) => faulty(variableOf(each.setting), each).problems) };
}
