import { ConfigError, type Problem } from "../errors.ts";
import { parseSecretManagerEndpoint } from "../keys/endpoint.ts";
import { parseActivationDelay } from "../keys/limits.ts";
import { parseSecretReference, type SecretReference } from "../keys/secretReference.ts";
import { LOG_LEVELS } from "../log.ts";
import {
  type Environment,
  oneOf,
  optional,
  type Parsed,
  problem,
  wholeNumber,
} from "../settings.ts";
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

/** Seven days, as the web service has it. */
const DEFAULT_LIFETIME = 604_800;
const MAX_LIFETIME = 34_560_000;

/**
 * The rotator's configuration, from its environment variables.
 * @throws ConfigError with every problem there is, not just the first.
 */
export function parseRotatorConfig(env: Environment): RotatorConfig {
  const problems: Problem[] = [];
  function take<Value>(parsed: Parsed<Value>): Value {
    if ("value" in parsed) return parsed.value;
    problems.push(...parsed.problems);
    return undefined as Value; // never seen: the problems are thrown before anything is returned
  }
  const config: RotatorConfig = {
    logLevel: take(oneOf(env, "LOG_LEVEL", LOG_LEVELS, "info")),
    port: take(wholeNumber(env, "PORT", { unit: "a port", min: 0, max: 65_535, fallback: 8080 })),
    secret: take(parseSecret(env)),
    endpoint: take(parseSecretManagerEndpoint(env)),
    policy: {
      activationDelay: take(parseActivationDelay(env)),
      sessionLifetime: take(parseSessionLifetime(env)),
      minimumAge: MINIMUM_AGE,
    },
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** How long sessions live, which is how long old keys are needed. */
export function parseSessionLifetime(env: Environment): Parsed<number> {
  return wholeNumber(env, "PERMANENT_SESSION_LIFETIME", {
    unit: "seconds",
    min: 1,
    max: MAX_LIFETIME,
    fallback: DEFAULT_LIFETIME,
  });
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
