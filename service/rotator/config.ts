import { readSetting } from "../contract/serviceSettings.ts";
import {
  type Environment,
  optional,
  type Parsed,
  parsePort,
  problem,
  readAll,
} from "../contract/settings.ts";
import { parseSecretManagerEndpoint } from "../google/endpoint.ts";
import { parseSecretReference, type SecretReference } from "../google/secretReference.ts";
import type { RotationPolicy } from "./plan.ts";

export interface RotatorConfig {
  readonly logLevel: string;
  readonly port: number;
  readonly secret: SecretReference;
  readonly endpoint: string;
  readonly policy: RotationPolicy;
}

/**
 * An hour, the shortest period that Secret Manager rotates in: a second message within it is the
 * first one again. https://cloud.google.com/secret-manager/docs/rotation-recommendations
 */
const MINIMUM_AGE = 3600;

/**
 * The rotator's configuration, from its environment variables.
 * @throws ConfigError with every problem there is, not just the first.
 */
export function parseRotatorConfig(env: Environment): RotatorConfig {
  return readAll((collect) => ({
    logLevel: collect(readSetting(env, "logLevel")),
    port: collect(parsePort(env)),
    secret: collect(parseSecret(env)),
    endpoint: collect(parseSecretManagerEndpoint(env)),
    policy: {
      activationDelay: collect(readSetting(env, "keyActivationDelay")),
      sessionLifetime: collect(readSetting(env, "sessionLifetime")),
      minimumAge: MINIMUM_AGE,
    },
  }));
}

function parseSecret(env: Environment): Parsed<SecretReference> {
  const value = parseSecretReference(optional(env, "SECRET_KEY") ?? "");
  if (value !== undefined) return { value };
  return problem(
    "SECRET_KEY",
    "does not name a secret, and only a secret has versions to rotate",
    "Set it to sm://PROJECT/SECRET",
  );
}
