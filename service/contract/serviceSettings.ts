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

/** The services that a bundle holds. */
export type Reader = "web" | "rotator";

/** A stack's setting that reaches a service as a variable of its environment. */
export interface ServiceSetting<Value> {
  readonly variable: string;
  readonly readBy: readonly Reader[];
  readonly check: Check<Value>;
  /** Value where the variable is unset. */
  readonly fallback: Value;
  /** Whether a stack may leave it empty, so that the variable stays unset. */
  readonly optional?: true;
  /** Whether the value is a secret, which the program keeps out of the environment. */
  readonly secret?: true;
}

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

const DAY = 86_400;
/** Browsers keep no cookie for longer than 400 days: RFC 6265bis, 5.5. */
export const MAX_LIFETIME = 400 * DAY;

/**
 * Every stack setting that reaches a service, by its name in Pulumi.yaml. The program checks a
 * configuration with these and declares the variables; the service reads them with the same
 * checks, so it starts with whatever the program accepts. A new setting is an entry here and its
 * description in Pulumi.yaml; read it with `readSetting(env, NAME, deployment)`.
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
    // Of a developer's machine. On Cloud Run a variable that is unset is refused like `false`.
    fallback: false,
  }),
  /** Seconds from sign-in until a session ends, and so for how long old keys are needed. */
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
  /** E-mail addresses and @domains that may sign in; none: everyone. */
  allowedUsers: setting<readonly string[]>({
    variable: "ALLOWED_USERS",
    readBy: ["web"],
    check: users,
    fallback: [],
    optional: true,
  }),
  /** Domains whose addresses the provider gives to the domain's own accounts only. */
  oidcTrustedDomains: setting<readonly string[]>({
    variable: "OIDC_TRUSTED_DOMAINS",
    readBy: ["web"],
    check: domains,
    fallback: [],
    optional: true,
  }),
  /** Hosts at which the service answers without redirecting to its public URL. */
  alsoServedAt: setting<readonly string[]>({
    variable: "ALSO_SERVED_AT",
    readBy: ["web"],
    check: hosts,
    fallback: [],
    optional: true,
  }),
  /** What becomes of sessions when it has not been known for 15 minutes which have ended. */
  endedOutage: setting<"continue" | "refuse">({
    variable: "ENDED_OUTAGE",
    readBy: ["web"],
    check: oneOf(["continue", "refuse"] as const),
    fallback: "continue",
  }),
  /**
   * Seconds for which a new key is accepted before it signs. Half an hour: Secret Manager's lists
   * usually converge within minutes, and an instance that has no requests for long reads the ring
   * before it answers the next one. On Cloud Run longer than the minute for which an instance
   * remembers that a version was absent.
   */
  keyActivationDelay: setting({
    variable: "KEY_ACTIVATION_DELAY",
    readBy: ["web", "rotator"],
    check: wholeNumber({ unit: "seconds", min: 1, deployedMin: 61, max: DAY }),
    fallback: 1800,
  }),
  /**
   * Seconds between two readings of the list of keys, give or take a fifth: how soon a disabled key
   * is refused (at most twice that), against a project's 600 lists a minute:
   * https://cloud.google.com/secret-manager/quotas
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

/** All of them, for code that treats each alike. */
export const ALL_SETTINGS = Object.entries(SERVICE_SETTINGS) as readonly [
  SettingName,
  ServiceSetting<unknown>,
][];

/** A setting as the service reads it. */
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

/** What is wrong with settings that are each right; both sides ask for it. */
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
 * Sign-in takes three settings or none.
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

/** In prod somebody has to say who may sign in. */
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
 * A domain that may sign in counts only where it is known how the provider says that an account is
 * the domain's own, or where somebody has stated that it is.
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
    `lacks ${missing.join(", ")}, which may sign in as a whole: of ${issuer.host} it is not known ` +
    "whether it gives addresses there to anybody who once read mail at them";
  const mend = { placeholder: "DOMAINS", example: [...trustedDomains, ...missing].join(",") };
  return [{ setting: "oidcTrustedDomains", cause, mend }];
}

/** Infers a setting's type from its check. */
function setting<Value>(entry: ServiceSetting<Value>): ServiceSetting<Value> {
  return entry;
}
