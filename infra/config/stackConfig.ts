import { getStack, type Output, runtime, secret } from "@pulumi/pulumi";
import { type AccessConfig, CLIENT_SECRET, parseAccess } from "./access.ts";
import { type CapacityConfig, parseCapacity } from "./capacity.ts";
import { ConfigError } from "./configError.ts";
import { type KeysConfig, parseKeys } from "./keys.ts";
import { type ObservationConfig, parseObservation } from "./observation.ts";
import { type PlaceConfig, parsePlace } from "./place.ts";
import { parseRelease, type ReleaseConfig } from "./release.ts";
import { Settings } from "./settings.ts";

/** All that the program is told, checked. */
export interface StackConfig
  extends PlaceConfig,
    AccessConfig,
    KeysConfig,
    CapacityConfig,
    ReleaseConfig,
    ObservationConfig {
  /** What whoever deploys should know though nothing is wrong, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Checks the configuration of one stack.
 *
 * @param values Full names (`gcp:project`, `phoenix:maxInstances`) and values as text. All of
 * `phoenix:` are there: Pulumi takes those that a stack does not set from Pulumi.yaml.
 * @param environment Name of the stack.
 * @param encrypted Names of the values that are encrypted in the stack's file; undefined where
 * there is no such file.
 * @throws ConfigError with all problems.
 */
export function parseConfig(
  values: Readonly<Record<string, string>>,
  environment: string,
  encrypted?: readonly string[],
): StackConfig {
  const settings = new Settings(environment, values);
  const place = parsePlace(settings, environment);
  const capacity = parseCapacity(settings, environment);
  const config: StackConfig = {
    ...place,
    ...parseAccess(settings, environment, encrypted),
    ...parseKeys(settings, capacity.maxInstances),
    ...capacity,
    ...parseRelease(settings, place),
    ...parseObservation(settings),
    notes: settings.notes,
  };
  settings.reportUnread("phoenix:");
  if (settings.problems.length > 0) throw new ConfigError(environment, settings.problems);
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
  const config = parseConfig(values, getStack(), encryptedNames());
  const clientSecret = values[CLIENT_SECRET];
  return { config, oidcClientSecret: clientSecret ? secret(clientSecret.trim()) : undefined };
}

/** The CLI tells the program this way; Pulumi's own functions for it keep quiet about it. */
function encryptedNames(): string[] | undefined {
  const names = process.env.PULUMI_CONFIG_SECRET_KEYS;
  return names === undefined ? undefined : (JSON.parse(names) as string[]);
}
