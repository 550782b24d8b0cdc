/**
 * Every environment variable, by who sets it. This file is the contract between `infra`, which
 * declares a service's environment, and `service`, which reads it: infra builds a
 * `DeclaredEnvironment` of these names, so a name that it forgets does not compile.
 */

/** What infra declares for the web service. */
export const WEB_ENVIRONMENT = [
  /** Name of the environment (the Pulumi stack); bound into every session. */
  "ENVIRONMENT",
  /** Project that log entries' traces belong to. */
  "GOOGLE_CLOUD_PROJECT",
  /** `trace`, `debug`, `info`, `warn`, `error` or `fatal`. */
  "LOG_LEVEL",
  /** `sm://PROJECT/SECRET`, or a value of at least 32 characters. */
  "SECRET_KEY",
  /** `true` or `false`: whether cookies are sent over https only. */
  "SESSION_COOKIE_SECURE",
  /** Seconds from sign-in until the server ends the session. */
  "PERMANENT_SESSION_LIFETIME",
  /** URL of the OpenID Connect provider. */
  "OIDC_ISSUER",
  "OIDC_CLIENT_ID",
  "OIDC_CLIENT_SECRET",
  /** Comma-separated e-mail addresses and @domains that may sign in; empty: everyone. */
  "ALLOWED_USERS",
  /** Seconds for which a new key is accepted before it signs. */
  "KEY_ACTIVATION_DELAY",
  /** Seconds between two readings of the list of keys. */
  "KEY_REFRESH_INTERVAL",
  /** Seconds that one call to Secret Manager may take. */
  "KEY_READ_TIMEOUT",
  /** Look-ups of unknown keys that an instance may do at once... */
  "KEY_LOOKUP_BURST",
  /** ...and the seconds after which it may do one more. */
  "KEY_LOOKUP_INTERVAL",
  /** Seconds for which a key that was not found is not looked up again. */
  "KEY_ABSENT_TTL",
] as const;

/** What infra declares for the rotator. */
export const ROTATOR_ENVIRONMENT = [
  "LOG_LEVEL",
  "SECRET_KEY",
  "PERMANENT_SESSION_LIFETIME",
  "KEY_ACTIVATION_DELAY",
] as const;

/** What is read of all that Cloud Run sets: https://cloud.google.com/run/docs/container-contract#env-vars */
export const PLATFORM_ENVIRONMENT = ["PORT", "K_SERVICE"] as const;

/** What only local runs and other platforms set; a deployment never does. */
export const LOCAL_ENVIRONMENT = [
  /** Unset or `None`: sealed cookies. `filesystem`: the original fault, to look at. */
  "SESSION_TYPE",
  /** Comma-separated earlier values of SECRET_KEY: accepted, never used to sign. */
  "SECRET_KEY_FALLBACKS",
  /** IP address to listen on; unset: all of them, as Cloud Run wants. */
  "LISTEN_ADDRESS",
  /** Base URL of a stand-in for Secret Manager on this machine. */
  "SECRET_MANAGER_ENDPOINT",
] as const;

export type WebVariable = (typeof WEB_ENVIRONMENT)[number];
export type RotatorVariable = (typeof ROTATOR_ENVIRONMENT)[number];

/** One entry for each name; `undefined` says that this deployment leaves it unset. */
export type DeclaredEnvironment<Name extends string, Value> = Record<Name, Value | undefined>;
