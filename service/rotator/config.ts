import { parseSessionLifetime } from "../contract/sessionLifetime.ts";
import {
  type Environment,
  oneOf,
  optional,
  type Parsed,
  parsePort,
  problem,
  readAll,
} from "../contract/settings.ts";
import { parseSecretManagerEndpoint } from "../google/endpoint.ts";
import { parseSecretReference, type SecretReference } from "../google/secretReference.ts";
import { parseActivationDelay } from "../keys/limits.ts";
import { LOG_LEVELS } from "../process/log.ts";
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
  return readAll((take) => ({
    logLevel: take(oneOf(env, "LOG_LEVEL", LOG_LEVELS, "info")),
    port: take(parsePort(env)),
    secret: take(parseSecret(env)),
    endpoint: take(parseSecretManagerEndpoint(env)),
    policy: {
      activationDelay: take(parseActivationDelay(env)),
      sessionLifetime: take(parseSessionLifetime(env)),
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
