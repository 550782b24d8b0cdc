import { readSetting } from "../contract/serviceSettings.ts";
import {
  type Environment,
  optional,
  type Parsed,
  parsePort,
  problem,
  readAll,
} from "../contract/settings.ts";
import { parseEndpoint } from "../google/endpoint.ts";
import {
  parseSecretReference,
  SECRET_MANAGER_API,
  type SecretReference,
} from "../google/secretVersions.ts";

/**
 * An hour, the shortest rotation period of Secret Manager, so a second message within it is a
 * redelivery: https://cloud.google.com/secret-manager/docs/rotation-recommendations
 */
const MINIMUM_AGE = 3600;

/**
 * Parses the rotator's environment variables.
 * @throws ConfigError with all problems.
 */
export function parseRotatorConfig(env: Environment) {
  return readAll((collect) => ({
    logLevel: collect(readSetting(env, "logLevel")),
    port: collect(parsePort(env)),
    secret: collect(parseSecret(env)),
    endpoint: collect(parseEndpoint(env, SECRET_MANAGER_API)),
    policy: {
      activationDelay: collect(readSetting(env, "keyActivationDelay")),
      sessionLifetime: collect(readSetting(env, "sessionLifetime")),
      minimumAge: MINIMUM_AGE,
    },
    /** Expected claims of the tokens in Pub/Sub's pushes. */
    push: {
      audience: collect(required(env, "PUSH_AUDIENCE", "the audience of the subscription's token")),
      account: collect(required(env, "PUSH_ACCOUNT", "the address of the subscription's account")),
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

function required(env: Environment, name: string, what: string): Parsed<string> {
  const value = optional(env, name);
  if (value !== undefined) return { value };
  return problem(name, "is not set, so forged pushes could not be detected", `Set it to ${what}`);
}
