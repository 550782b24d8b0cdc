import {
  type Check,
  cookieSecure,
  type Deployment,
  domains,
  type Fault,
  hosts,
  issuer,
  oneOf,
  opaque,
  users,
  wholeNumber,
} from "./checks.ts";
import { domainClaimOf } from "./domainTrust.ts";
import { type Environment, type Parsed, parse } from "./settings.ts";

/** The services in a bundle, which read settings. */
export type Reader = "web" | "rotator";

/** A stack setting that is passed to a service as an environment variable. */
interface ServiceSetting<Value> {
  readonly variable: string;
  readonly readBy: readonly Reader[];
  readonly check: Check<Value>;
  /** Value if the variable is unset. */
  readonly fallback: Value;
  /** Whether a stack may leave the setting empty; the variable is then unset. */
  readonly optional?: true;
  /** Whether the value is a secret, which the Pulumi program stores in Secret Manager. */
  readonly secret?: true;
}

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

const DAY = 86_400;
/** Browsers cap a cookie's lifetime at 400 days: RFC 6265bis, 5.5. */
export const MAX_LIFETIME = 400 * DAY;

/**
 * Every stack setting that is passed to a service, by its name in Pulumi.yaml. The Pulumi program
 * and the service use the same checks, so the service starts with any configuration that the
 * program accepts. To add a setting, add an entry here and its description in Pulumi.yaml, and read
 * it with `readSetting(env, NAME, deployment)`.
 */
export const SERVICE_SETTINGS = {
  logLevel: setting({
    variable: "LOG_LEVEL",
    readBy: ["web", "rotator"],
    check: oneOf(LOG_LEVELS),
    fallback: "info",
  }),
  sessionCookieSecure: setting({
    variable: "SESSION_COOKIE_SECURE",
    readBy: ["web"],
    check: cookieSecure,
    // For a developer's machine. On Cloud Run the service rejects an unset variable like `false`.
    fallback: false,
  }),
  /** Seconds from sign-in until a session ends. Old keys are needed for that long. */
  sessionLifetime: setting({
    variable: "PERMANENT_SESSION_LIFETIME",
    readBy: ["web", "rotator"],
    check: wholeNumber({ unit: "seconds", min: 1, deployedMin: 60, max: MAX_LIFETIME }),
    fallback: 7 * DAY,
  }),
  oidcIssuer: setting<URL | undefined>({
    variable: "OIDC_ISSUER",
    readBy: ["web"],
    check: issuer,
    fallback: undefined,
    optional: true,
  }),
  oidcClientId: setting<string | undefined>({
    variable: "OIDC_CLIENT_ID",
    readBy: ["web"],
    check: opaque("ID"),
    fallback: undefined,
    optional: true,
  }),
  oidcClientSecret: setting<string | undefined>({
    variable: "OIDC_CLIENT_SECRET",
    readBy: ["web"],
    check: opaque("SECRET"),
    fallback: undefined,
    optional: true,
    secret: true,
  }),
  /** E-mail addresses and @domains that may sign in; if empty, everyone may. */
  allowedUsers: setting<readonly string[]>({
    variable: "ALLOWED_USERS",
    readBy: ["web"],
    check: users,
    fallback: [],
    optional: true,
  }),
  /** Domains whose addresses only accounts of the domain itself can have at the provider. */
  oidcTrustedDomains: setting<readonly string[]>({
    variable: "OIDC_TRUSTED_DOMAINS",
    readBy: ["web"],
    check: domains,
    fallback: [],
    optional: true,
  }),
  /** Hosts whose requests are served without a redirect to the public URL. */
  alsoServedAt: setting<readonly string[]>({
    variable: "ALSO_SERVED_AT",
    readBy: ["web"],
    check: hosts,
    fallback: [],
    optional: true,
  }),
  /**
   * Whether sessions are accepted once the list of ended sessions has been stale for 15 minutes.
   */
  endedOutage: setting<"continue" | "refuse">({
    variable: "ENDED_OUTAGE",
    readBy: ["web"],
    check: oneOf(["continue", "refuse"] as const),
    fallback: "continue",
  }),
  /**
   * Seconds for which a new key is accepted before it signs. Half an hour is ample: an instance
   * finds the key within two refresh intervals, and an idle one refreshes its key ring before it
   * answers the next request.
   */
  keyActivationDelay: setting({
    variable: "KEY_ACTIVATION_DELAY",
    readBy: ["web", "rotator"],
    check: wholeNumber({ unit: "seconds", min: 1, deployedMin: 61, max: DAY }),
    fallback: 1800,
  }),
  /**
   * Seconds between refreshes of the key ring, with 20 % jitter. A disabled key is refused within
   * two intervals.
   */
  keyRefreshInterval: setting({
    variable: "KEY_REFRESH_INTERVAL",
    readBy: ["web"],
    check: wholeNumber({ unit: "seconds", min: 1, deployedMin: 10, max: 3600 }),
    fallback: 60,
  }),
};

export type SettingName = keyof typeof SERVICE_SETTINGS;
export type SettingValue<Name extends SettingName> =
  (typeof SERVICE_SETTINGS)[Name] extends ServiceSetting<infer Value> ? Value : never;

/** SERVICE_SETTINGS as entries with a common type. */
export const ALL_SETTINGS = Object.entries(SERVICE_SETTINGS) as readonly [
  SettingName,
  ServiceSetting<unknown>,
][];

/** Reads a setting from the environment of a service; unset or empty gives its fallback. */
export function readSetting<Name extends SettingName>(
  env: Environment,
  name: Name,
  deployment: Deployment = { cloudRun: false, environment: "local" },
): Parsed<SettingValue<Name>> {
  const { variable, check, fallback } = SERVICE_SETTINGS[name] as ServiceSetting<
    SettingValue<Name>
  >;
  return parse(env, variable, check, { fallback, deployment, stackSetting: name });
}

/** A setting that is invalid in combination with others. The program and the service check it. */
export interface CrossFault extends Fault {
  readonly setting: SettingName;
}

const SIGN_IN = ["oidcIssuer", "oidcClientId", "oidcClientSecret"] as const;
const SIGN_IN_EXAMPLES = {
  oidcIssuer: { placeholder: "URL", example: "https://accounts.google.com" },
  oidcClientId: { placeholder: "ID", example: "what the provider shows" },
  oidcClientSecret: { placeholder: "SECRET", example: "what the provider shows" },
};

/**
 * Sign-in needs all three of its settings, or none.
 *
 * @param isSet Whether a setting is set.
 * @param nameOf A setting's name in messages.
 */
export function signInFaults(
  isSet: (name: SettingName) => boolean,
  nameOf: (name: SettingName) => string,
): CrossFault[] {
  const present = SIGN_IN.filter(isSet);
  if (present.length === 0) return [];
  const names = present.map(nameOf).join(" and ");
  return SIGN_IN.filter((name) => !isSet(name)).map((name) => ({
    setting: name,
    cause: `is not set, and ${names} ${present.length === 1 ? "is" : "are"}: sign-in needs all three`,
    mend: SIGN_IN_EXAMPLES[name],
  }));
}

/** In the environment `prod` the allow list must not be empty. */
export function allowListFaults(
  allowedUsers: readonly string[],
  { environment }: Deployment,
): CrossFault[] {
  if (environment !== "prod" || allowedUsers.length > 0) return [];
  const cause =
    "is not set, so that in prod everyone with an account at the provider could sign in";
  const mend = { placeholder: "USERS", example: "@example.org,ada@example.com" };
  return [{ setting: "allowedUsers", cause, mend }];
}

/**
 * An @domain in the allow list is safe only if the provider has a claim for domain accounts, or if
 * the operator lists the domain as trusted.
 */
export function domainTrustFaults(
  allowedUsers: readonly string[],
  issuer: URL | undefined,
  trustedDomains: readonly string[],
): CrossFault[] {
  if (issuer === undefined || domainClaimOf(issuer) !== undefined) return [];
  const missing = allowedUsers
    .filter((entry) => entry.startsWith("@") && !trustedDomains.includes(entry.slice(1)))
    .map((entry) => entry.slice(1));
  if (missing.length === 0) return [];
  const cause =
    `lacks ${missing.join(", ")} of the allow list: ${issuer.host} is not known to give addresses of ` +
    "a domain only to accounts that the domain controls";
  const mend = { placeholder: "DOMAINS", example: [...trustedDomains, ...missing].join(",") };
  return [{ setting: "oidcTrustedDomains", cause, mend }];
}

/** Infers a setting's type from its check. */
function setting<Value>(entry: ServiceSetting<Value>): ServiceSetting<Value> {
  return entry;
}
