import type { Problem } from "../contract/errors.ts";
import { isLoopbackHttp } from "../contract/loopback.ts";
import { type Environment, optional, type Parsed, problem } from "../contract/settings.ts";
import { parseAllowedUsers } from "./allowList.ts";
import type { OidcConfig } from "./oidc.ts";

export interface SignInSettings {
  /** Undefined: the service runs, and nobody can sign in. */
  readonly oidc: OidcConfig | undefined;
  /** Verified e-mail addresses and @domains that may sign in; empty: everyone. */
  readonly allowedUsers: readonly string[];
}

/** Where the service runs. */
export interface Surroundings {
  readonly cloudRun: boolean;
  /** Name of the environment, such as `prod`. */
  readonly environment: string;
}

const OIDC_VARIABLES = ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"] as const;

/** The settings of sign-in, or everything that is wrong with them. */
export function parseSignInSettings(env: Environment, where: Surroundings): Parsed<SignInSettings> {
  const oidc = parseOidc(env, where);
  const users = parseAllowedUsers(optional(env, "ALLOWED_USERS") ?? "");
  const problems: Problem[] = [];
  if ("problems" in oidc) problems.push(...oidc.problems);
  if ("problems" in users) problems.push(...users.problems);
  else if (where.environment === "prod" && users.value.length === 0) {
    problems.push({
      setting: "ALLOWED_USERS",
      cause: "is empty in prod, so that everyone with an account at the provider could sign in",
      remedy: "Set it to the e-mail addresses and @domains that may sign in, with commas between",
    });
  }
  return "value" in oidc && "value" in users && problems.length === 0
    ? { value: { oidc: oidc.value, allowedUsers: users.value } }
    : { problems };
}

function parseOidc(env: Environment, { cloudRun }: Surroundings): Parsed<OidcConfig | undefined> {
  const [issuerText, clientId, clientSecret] = OIDC_VARIABLES.map((name) => optional(env, name));
  if (issuerText === undefined || clientId === undefined || clientSecret === undefined) {
    const missing = OIDC_VARIABLES.filter((name) => optional(env, name) === undefined);
    if (missing.length === OIDC_VARIABLES.length) return { value: undefined };
    const remedy = `Set all of ${OIDC_VARIABLES.join(", ")}, or none of them to run without sign-in`;
    const present = OIDC_VARIABLES.filter((name) => !missing.includes(name));
    const cause = `is not set, and ${present.join(" and ")} ${present.length === 1 ? "is" : "are"}`;
    return { problems: missing.map((setting) => ({ setting, cause, remedy })) };
  }
  const issuer = parseIssuer(issuerText, cloudRun);
  const problems: Problem[] = "problems" in issuer ? [...issuer.problems] : [];
  for (const setting of ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"] as const) {
    const value = env[setting];
    if (value !== value?.trim()) {
      const cause = "begins or ends with white space, which providers take for a part of it";
      problems.push({ setting, cause, remedy: "Set it again without, for example with printf %s" });
    }
  }
  return "value" in issuer && problems.length === 0
    ? { value: { issuer: issuer.value, clientId, clientSecret } }
    : { problems };
}

function parseIssuer(text: string, cloudRun: boolean): Parsed<URL> {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return refuse(
      "is not a URL",
      "Set it to the provider's issuer, as https://accounts.google.com",
    );
  }
  if (url.protocol === "http:" && (cloudRun || !isLoopbackHttp(url))) {
    return refuse(
      "is an http URL, over which anybody in between could sign in as anyone",
      "Use the provider's https URL; http is for a provider on the same machine only",
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    return refuse("has more than host and path", "Leave out user, query and fragment");
  }
  if (url.pathname.includes("/.well-known/")) {
    return refuse("is the address of a document", "Leave out /.well-known/ and what follows it");
  }
  return { value: url };
}

function refuse(cause: string, remedy: string): { readonly problems: readonly Problem[] } {
  return problem("OIDC_ISSUER", cause, remedy);
}
