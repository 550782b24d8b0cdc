import {
  ALL_SETTINGS,
  allowListFaults,
  domainTrustFaults,
  type SettingName,
  type SettingValue,
  signInFaults,
} from "../../service/contract/serviceSettings.ts";
import type { Settings } from "./settings.ts";

/** The services' settings, parsed as the services parse them. */
export type ServiceValues = { readonly [Name in SettingName]: SettingValue<Name> };

/** The services' settings as text, without secrets; undefined: unset. */
type ServiceTexts = Readonly<Partial<Record<SettingName, string>>>;

export interface ServiceConfig {
  readonly values: ServiceValues;
  readonly texts: ServiceTexts;
}

/** Size of an environment variable's value: https://cloud.google.com/run/quotas */
const MOST_BYTES = 32_768;

/** Checks the services' settings with the services' own checks. */
export function parseServiceSettings(settings: Settings): ServiceConfig {
  const values: Partial<Record<SettingName, unknown>> = {};
  const texts: Partial<Record<SettingName, string>> = {};
  for (const [name, { check, fallback, optional, secret }] of ALL_SETTINGS) {
    const text = settings.text(name);
    const unset = text === "" && optional;
    const value = unset ? fallback : settings.check(name, check, secret);
    values[name] = value;
    if (!unset && !secret) texts[name] = Array.isArray(value) ? value.join(",") : text;
    const bytes = Buffer.byteLength(text);
    if (bytes > MOST_BYTES) {
      const cause = `has ${bytes} bytes, and Cloud Run allows ${MOST_BYTES}`;
      settings.report(name, cause, `${settings.setTo(name, "VALUE")} with a shorter value`);
    }
  }
  const { allowedUsers, oidcIssuer, oidcClientId, oidcClientSecret, oidcTrustedDomains } =
    values as Partial<ServiceValues>;
  // Trusted domains are checked only once sign-in has all of its settings.
  const issuer = oidcClientId && oidcClientSecret ? oidcIssuer : undefined;
  const faults = [
    ...signInFaults(
      (name) => settings.text(name) !== "",
      (name) => settings.nameOf(name),
    ),
    ...(allowedUsers === undefined ? [] : allowListFaults(allowedUsers, settings.deployment)),
    ...domainTrustFaults(allowedUsers ?? [], issuer, oidcTrustedDomains ?? []),
  ];
  for (const fault of faults) {
    settings.fault(fault.setting, fault, fault.setting === "oidcClientSecret");
  }
  return { values: values as ServiceValues, texts };
}
