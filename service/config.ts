import { isIP } from "node:net";
import { type Deployment, publicUrl } from "./contract/checks.ts";
import type { Problem } from "./contract/errors.ts";
import { readSetting } from "./contract/serviceSettings.ts";
import {
  type Environment,
  optional,
  type Parsed,
  parse,
  parsePort,
  problem,
  readAll,
  wholeNumber,
} from "./contract/settings.ts";
import type { OnOutage } from "./ended/endedSessions.ts";
import { type EndedBucket, parseEndedSessions } from "./ended/settings.ts";
import { parseEndpoint } from "./google/endpoint.ts";
import {
  parseSecretReference,
  SECRET_MANAGER_API,
  type SecretReference,
} from "./google/secretVersions.ts";
import { type KeyLimits, parseKeyLimits } from "./keys/limits.ts";
import { MIN_SECRET_LENGTH } from "./keys/sessionKeys.ts";
import { parseSignInSettings, type SignInSettings } from "./login/settings.ts";

/** Source of the keys: values in the environment, or versions in Secret Manager. */
type SecretKey =
  | { readonly form: "static"; readonly secret: string; readonly fallbacks: readonly string[] }
  | { readonly form: "secretManager"; readonly secret: SecretReference; readonly endpoint: string };

export interface WebConfig {
  /** Name of the environment, which sessions are bound to. */
  readonly environment: string;
  /** Google Cloud project; undefined outside Google Cloud. */
  readonly project: string | undefined;
  readonly logLevel: string;
  readonly port: number;
  /** IP address to listen on; undefined: all interfaces. */
  readonly address: string | undefined;
  readonly secretKey: SecretKey;
  readonly keyLimits: KeyLimits;
  readonly sessionType: "cookie" | "filesystem";
  readonly cookieSecure: boolean;
  /** Seconds from sign-in until a session ends. */
  readonly sessionLifetime: number;
  /** Public URL; undefined: whatever the Host header says. */
  readonly publicUrl: URL | undefined;
  /** Further hosts that are served without a redirect. */
  readonly alsoServedAt: readonly string[];
  /** Number of entries of X-Forwarded-For that proxies have appended. */
  readonly trustedProxies: number;
  readonly signIn: SignInSettings;
  /** Bucket with the ended sessions; undefined: each instance knows only those it ended itself. */
  readonly endedBucket: EndedBucket | undefined;
  readonly endedOutage: OnOutage;
}

/**
 * Parses the web service's environment variables.
 * @throws ConfigError with all problems.
 */
export function parseWebConfig(env: Environment): WebConfig {
  const cloudRun = optional(env, "K_SERVICE") !== undefined;
  return readAll((collect) => {
    const environment = collect(parseEnvironment(env, cloudRun));
    collect(refuseDebug(env));
    const deployment = { cloudRun, environment };
    return {
      environment,
      project: optional(env, "GOOGLE_CLOUD_PROJECT"),
      logLevel: collect(readSetting(env, "logLevel", deployment)),
      port: collect(parsePort(env)),
      address: collect(parseAddress(env)),
      secretKey: collect(parseSecretKey(env)),
      keyLimits: collect(parseKeyLimits(env, deployment)),
      sessionType: collect(parseSessionType(env, cloudRun)),
      cookieSecure: collect(parseCookieSecure(env, deployment)),
      sessionLifetime: collect(readSetting(env, "sessionLifetime", deployment)),
      publicUrl: collect(parsePublicUrl(env, deployment)),
      trustedProxies: collect(wholeNumber(env, "TRUSTED_PROXIES", { min: 1, max: 9, fallback: 1 })),
      alsoServedAt: collect(readSetting(env, "alsoServedAt", deployment)),
      signIn: collect(parseSignInSettings(env, deployment)),
      endedBucket: collect(parseEndedSessions(env, cloudRun)),
      endedOutage: collect(readSetting(env, "endedOutage", deployment)),
    };
  });
}

function parseEnvironment(env: Environment, cloudRun: boolean): Parsed<string> {
  const value = optional(env, "ENVIRONMENT");
  if (value !== undefined) return { value };
  if (!cloudRun) return { value: "local" };
  return problem(
    "ENVIRONMENT",
    "is not set, so sessions of one environment would open in another",
    "Set it to the environment's name, such as dev or prod",
  );
}

/** Refuses DEBUG, because the debug output of packages contains cookies. */
function refuseDebug(env: Environment): Parsed<undefined> {
  if (optional(env, "DEBUG") === undefined) return { value: undefined };
  return problem("DEBUG", "makes packages write visitors' cookies to the log", "Leave it out");
}

function parsePublicUrl(env: Environment, deployment: Deployment): Parsed<URL | undefined> {
  if (deployment.cloudRun && optional(env, "PUBLIC_URL") === undefined) {
    return problem(
      "PUBLIC_URL",
      "is not set, so redirect URIs of sign-in would depend on the Host header",
      "Set it to the address at which users find the service, such as https://phoenix.example.org",
    );
  }
  return parse<URL | undefined>(env, "PUBLIC_URL", publicUrl, { fallback: undefined, deployment });
}

function parseAddress(env: Environment): Parsed<string | undefined> {
  const value = optional(env, "LISTEN_ADDRESS");
  if (value === undefined || isIP(value) !== 0) return { value };
  return problem(
    "LISTEN_ADDRESS",
    "is not an IP address",
    "Set it to one of this machine, such as 127.0.0.1, or leave it out to listen on all",
  );
}

function parseSecretKey(env: Environment): Parsed<SecretKey> {
  const text = optional(env, "SECRET_KEY");
  if (text === undefined) {
    return problem(
      "SECRET_KEY",
      "is not set: the session is unavailable because no secret key was set",
      `Set it to a random value of at least ${MIN_SECRET_LENGTH} characters (openssl rand -base64 48), or to sm://PROJECT/SECRET`,
    );
  }
  return NAME_OF_A_SECRET.test(text)
    ? parseSecretVersions(env, text)
    : parseStaticSecret(text, fallbacks(env));
}

/** A text like this is never taken as a key: it can be long enough, but is easy to guess. */
const NAME_OF_A_SECRET = /^(?:sm:|projects)\//i;

function parseSecretVersions(env: Environment, text: string): Parsed<SecretKey> {
  const problems: Problem[] = [];
  const secret = parseSecretReference(text);
  if (secret === undefined) {
    problems.push({
      setting: "SECRET_KEY",
      cause: "starts like the name of a secret and does not name one",
      remedy: "Write it as sm://PROJECT/SECRET",
    });
  }
  if (fallbacks(env).length > 0) {
    problems.push({
      setting: "SECRET_KEY_FALLBACKS",
      cause: "is set beside a secret, whose versions are the only keys, so it would be ignored",
      remedy: "Leave it out, and add each value that is still needed to the secret as a version",
    });
  }
  const endpoint = parseEndpoint(env, SECRET_MANAGER_API);
  if ("problems" in endpoint) problems.push(...endpoint.problems);
  return secret !== undefined && "value" in endpoint && problems.length === 0
    ? { value: { form: "secretManager", secret, endpoint: endpoint.value } }
    : { problems };
}

function parseStaticSecret(secret: string, fallbacks: readonly string[]): Parsed<SecretKey> {
  const problems = [
    ...tooShort("SECRET_KEY", [secret]),
    ...tooShort("SECRET_KEY_FALLBACKS", fallbacks),
  ];
  if (problems.length > 0) return { problems };
  return { value: { form: "static", secret, fallbacks } };
}

function fallbacks(env: Environment): string[] {
  const values = (optional(env, "SECRET_KEY_FALLBACKS") ?? "").split(",");
  return values.map((value) => value.trim()).filter(Boolean);
}

function tooShort(setting: string, secrets: readonly string[]): Problem[] {
  if (secrets.every((secret) => secret.length >= MIN_SECRET_LENGTH)) return [];
  return [
    {
      setting,
      cause: `has a value that is shorter than ${MIN_SECRET_LENGTH} characters, which could be guessed`,
      remedy: "Use random values: openssl rand -base64 48",
    },
  ];
}

function parseSessionType(env: Environment, cloudRun: boolean): Parsed<WebConfig["sessionType"]> {
  const type = env.SESSION_TYPE;
  if (type === undefined || type === "None") return { value: "cookie" };
  if (type === "filesystem" && cloudRun) {
    return problem(
      "SESSION_TYPE",
      "is filesystem on Cloud Run, where a session is lost as soon as another instance answers",
      "Leave it out, for sessions in sealed cookies",
    );
  }
  if (type === "filesystem") return { value: type };
  return problem(
    "SESSION_TYPE",
    "is neither None nor filesystem",
    "Leave it out, or set it to None, for sessions in sealed cookies",
  );
}

/** Refuses an empty value too, because it doesn't tell what was meant. */
function parseCookieSecure(env: Environment, deployment: Deployment): Parsed<boolean> {
  const { cloudRun } = deployment;
  const text = env.SESSION_COOKIE_SECURE ?? (cloudRun ? "false" : undefined);
  if (text === "") return problem("SESSION_COOKIE_SECURE", "is empty", "Set it to true or false");
  return readSetting({ SESSION_COOKIE_SECURE: text }, "sessionCookieSecure", deployment);
}
