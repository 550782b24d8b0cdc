import { getProject, getStack, type Output, runtime, secret } from "@pulumi/pulumi";
import { ConfigError } from "../../service/contract/errors.ts";
import { parseEndedLocation } from "../ended/endedLocation.ts";
import type { StackId } from "../names.ts";
import { CLIENT_SECRET, checkEncryption, type PublicAccess, parsePublicAccess } from "./access.ts";
import { type AlertsConfig, parseAlerts } from "./alerts.ts";
import { type CapacityConfig, parseCapacity } from "./capacity.ts";
import { type DomainConfig, parseDomainSettings } from "./domain.ts";
import { type KeysConfig, parseKeys } from "./keys.ts";
import { LOCAL_STACK, type PlacementConfig, parsePlacement } from "./placement.ts";
import { parseRelease, type ReleaseConfig } from "./release.ts";
import { parseServiceSettings, type ServiceConfig } from "./serviceSettings.ts";
import { Settings } from "./settings.ts";

/** The checked configuration of one stack. */
export interface StackConfig
  extends PlacementConfig,
    KeysConfig,
    CapacityConfig,
    DomainConfig,
    ReleaseConfig,
    AlertsConfig {
  /** The services' settings. */
  readonly service: ServiceConfig;
  readonly publicAccess: PublicAccess;
  /** Location of the bucket of ended sessions. */
  readonly endedLocation: string;
  /** Sentences that inform the operator and report no problem. */
  readonly notes: readonly string[];
}

/**
 * Checks the configuration of one stack.
 *
 * @param values Full names (`gcp:project`, `phoenix:maxInstances`) and values as text. Pulumi has
 * filled in the defaults of Pulumi.yaml.
 * @param encrypted Full names of the values that are encrypted in the stack's file; undefined where
 * there is no such file.
 * @throws ConfigError with all problems.
 */
export function parseConfig(
  values: Readonly<Record<string, string>>,
  id: StackId,
  encrypted?: readonly string[],
): StackConfig {
  const { product, environment } = id;
  const deployment = { cloudRun: environment !== LOCAL_STACK, environment };
  const settings = new Settings({ product, deployment, values });
  const placement = parsePlacement(settings, id);
  const capacity = parseCapacity(settings, placement);
  checkEncryption(settings, encrypted);
  const service = parseServiceSettings(settings);
  const config: StackConfig = {
    ...placement,
    service,
    publicAccess: parsePublicAccess(settings),
    endedLocation: parseEndedLocation(settings, placement.regions),
    ...parseKeys(settings, service.values, capacity.maxInstances * placement.regions.length),
    ...capacity,
    ...parseDomainSettings(settings),
    ...parseRelease(settings, placement),
    ...parseAlerts(settings, service.values.logLevel),
    notes: settings.notes,
  };
  settings.reportUnread();
  if (settings.problems.length > 0) {
    const heading = `The configuration of stack ${environment} can't be deployed:`;
    throw new ConfigError(settings.problems, heading);
  }
  return config;
}

/**
 * The configuration of the stack that is being deployed, and the client secret, which only ever
 * leaves this file as a Pulumi secret.
 *
 * @throws ConfigError with all problems.
 */
export function readConfig(): {
  config: StackConfig;
  oidcClientSecret: Output<string> | undefined;
} {
  const values = runtime.allConfig();
  const product = getProject();
  const config = parseConfig(values, { product, environment: getStack() }, encryptedNames());
  const clientSecret = values[`${product}:${CLIENT_SECRET}`];
  return { config, oidcClientSecret: clientSecret ? secret(clientSecret.trim()) : undefined };
}

/**
 * Set by the Pulumi CLI. The SDK has no public function that tells which settings are encrypted.
 */
function encryptedNames(): string[] | undefined {
  const names = process.env.PULUMI_CONFIG_SECRET_KEYS;
  return names === undefined ? undefined : (JSON.parse(names) as string[]);
}
