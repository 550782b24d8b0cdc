/**
 * Environment variables that don't come from a stack setting, by who sets them. Those that do are
 * in serviceSettings.ts. `infra` declares a service's environment from both, and `service` reads
 * it.
 */

/** Set by the Pulumi program, by service. */
export const PROGRAM_ENVIRONMENT = {
  web: [
    /** Name of the environment (the Pulumi stack), which every session is bound to. */
    "ENVIRONMENT",
    /** Project of the traces that log entries link to. */
    "GOOGLE_CLOUD_PROJECT",
    /** `sm://PROJECT/SECRET`, or a value of at least 32 characters. */
    "SECRET_KEY",
    /** The service's only public URL. Empty in a local run, where any host is served. */
    "PUBLIC_URL",
    /** Number of proxies before the service that append to X-Forwarded-For. */
    "TRUSTED_PROXIES",
    /** `gs://BUCKET`, in which instances share which sessions have ended. */
    "ENDED_SESSIONS",
  ],
  rotator: [
    /** `sm://PROJECT/SECRET`. */
    "SECRET_KEY",
    /** Expected `aud` of the tokens in Pub/Sub pushes. */
    "PUSH_AUDIENCE",
    /** E-mail address of the service account that Pub/Sub pushes as. */
    "PUSH_ACCOUNT",
  ],
} as const;

/**
 * Set by Cloud Run, as far as we read them:
 * https://cloud.google.com/run/docs/container-contract#env-vars
 */
export const PLATFORM_ENVIRONMENT = ["PORT", "K_SERVICE"] as const;

/** Set only in local runs and on other platforms, never in a deployment. */
export const LOCAL_ENVIRONMENT = [
  /** Unset or `None`: sealed cookies. `filesystem`: demonstrates the original fault. */
  "SESSION_TYPE",
  /** Comma-separated earlier values of SECRET_KEY, which are accepted but never sign. */
  "SECRET_KEY_FALLBACKS",
  /** IP address to listen on; unset: all interfaces, as Cloud Run requires. */
  "LISTEN_ADDRESS",
  /** Must be unset, because packages would log cookies. */
  "DEBUG",
  /** Base URL of a Secret Manager emulator on this machine. */
  "SECRET_MANAGER_ENDPOINT",
  /** Base URL of a Cloud Storage emulator on this machine. */
  "CLOUD_STORAGE_ENDPOINT",
] as const;

/** A value for each variable that the Pulumi program sets for a service. */
export type ProgramEnvironment<Service extends keyof typeof PROGRAM_ENVIRONMENT> = Record<
  (typeof PROGRAM_ENVIRONMENT)[Service][number],
  string
>;
