/**
 * The environment variables that no stack setting fills, by who sets them; those that one fills are
 * in serviceSettings.ts. `infra` declares a service's environment from the two, and `service` reads
 * it.
 */

/** What the program itself sets for each service. */
export const PROGRAM_ENVIRONMENT = {
  web: [
    /** Name of the environment (the Pulumi stack); bound into every session. */
    "ENVIRONMENT",
    /** Project that log entries' traces belong to. */
    "GOOGLE_CLOUD_PROJECT",
    /** `sm://PROJECT/SECRET`, or a value of at least 32 characters. */
    "SECRET_KEY",
    /** The one address at which users find the service; empty in the local run: any. */
    "PUBLIC_URL",
    /** `gs://BUCKET`: where instances tell each other which sessions have ended. */
    "ENDED_SESSIONS",
  ],
  rotator: [
    /** `sm://PROJECT/SECRET`. */
    "SECRET_KEY",
    /** What the tokens of pushes are for. */
    "PUSH_AUDIENCE",
    /** E-mail address of the account that Pub/Sub pushes as. */
    "PUSH_ACCOUNT",
  ],
} as const;

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
  /** Which packages write what they do, cookies included: refused. */
  "DEBUG",
  /** Base URL of a stand-in for Secret Manager on this machine. */
  "SECRET_MANAGER_ENDPOINT",
  /** Base URL of a stand-in for Cloud Storage on this machine. */
  "CLOUD_STORAGE_ENDPOINT",
] as const;

/** One value for each variable that the program itself sets. */
export type ProgramEnvironment<Service extends keyof typeof PROGRAM_ENVIRONMENT> = Record<
  (typeof PROGRAM_ENVIRONMENT)[Service][number],
  string
>;
