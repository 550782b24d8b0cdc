import { MAX_LIFETIME } from "../../service/contract/sessionLifetime.ts";
import { LOCAL_STACK } from "./place.ts";
import { type Settings, shown } from "./settings.ts";

/** Who may call the web service. */
export type PublicAccess = "invokerIamDisabled" | "allUsers" | "private";

/** Sign-in with an OpenID Connect provider. */
export interface SignIn {
  readonly issuer: string;
  readonly clientId: string;
}

/** Who gets in, and for how long. */
export interface AccessConfig {
  readonly sessionCookieSecure: boolean;
  /** Seconds. */
  readonly sessionLifetime: number;
  /** Undefined: nobody can sign in yet. */
  readonly signIn: SignIn | undefined;
  /** E-mail addresses and @domains; empty: everyone. */
  readonly allowedUsers: readonly string[];
  readonly publicAccess: PublicAccess;
}

/** The one setting that is a secret. */
export const CLIENT_SECRET = "phoenix:oidcClientSecret";

/**
 * @param encrypted Names of the values that are encrypted in the stack's file; undefined where
 * there is no such file.
 */
export function parseAccess(
  settings: Settings,
  environment: string,
  encrypted: readonly string[] | undefined,
): AccessConfig {
  const local = environment === LOCAL_STACK;
  checkEncryption(settings, environment, encrypted);
  return {
    sessionCookieSecure: parseCookieSecure(settings, local),
    sessionLifetime: settings.integer("phoenix:sessionLifetime", 60, MAX_LIFETIME, "seconds"),
    signIn: parseSignIn(settings, local),
    allowedUsers: parseAllowedUsers(settings, environment),
    publicAccess: parsePublicAccess(settings),
  };
}

function checkEncryption(
  settings: Settings,
  environment: string,
  encrypted: readonly string[] | undefined,
): void {
  if (encrypted === undefined || encrypted.includes(CLIENT_SECRET)) return;
  if (settings.text(CLIENT_SECRET) === "") return;
  settings.report(
    CLIENT_SECRET,
    `is readable for everyone in Pulumi.${environment}.yaml`,
    `${settings.setSecret(CLIENT_SECRET)}, and have the provider make a new one if the file has left this machine`,
  );
}

function parseCookieSecure(settings: Settings, local: boolean): boolean {
  const setting = "phoenix:sessionCookieSecure";
  const secure = settings.boolean(setting);
  if (settings.text(setting) === "false" && !local) {
    settings.report(
      setting,
      "is false, so that sessions could be sent without encryption; Cloud Run serves https only",
      settings.setTo(setting, "true"),
    );
  }
  return secure;
}

function parseSignIn(settings: Settings, local: boolean): SignIn | undefined {
  const issuer = settings.text("phoenix:oidcIssuer");
  const clientId = settings.text("phoenix:oidcClientId");
  const setIssuer = settings.setLike("phoenix:oidcIssuer", "URL", "https://accounts.google.com");
  const parts = [
    { name: "phoenix:oidcIssuer", value: issuer, remedy: setIssuer },
    {
      name: "phoenix:oidcClientId",
      value: clientId,
      remedy: settings.setTo("phoenix:oidcClientId", "ID"),
    },
    {
      name: CLIENT_SECRET,
      value: settings.text(CLIENT_SECRET),
      remedy: settings.setSecret(CLIENT_SECRET),
    },
  ];
  const set = parts.find(({ value }) => value !== "");
  if (set === undefined) return undefined;
  for (const part of parts.filter(({ value }) => value === "")) {
    settings.report(
      part.name,
      `is not set, and ${set.name} is: sign-in needs all three`,
      part.remedy,
    );
  }
  if (issuer !== "" && !isIssuer(issuer, local)) {
    settings.report(
      "phoenix:oidcIssuer",
      `is ${shown(issuer)}, not the https URL of a provider`,
      setIssuer,
    );
  }
  return { issuer, clientId };
}

/** https://openid.net/specs/openid-connect-discovery-1_0.html#IssuerDiscovery */
function isIssuer(issuer: string, local: boolean): boolean {
  if (!URL.canParse(issuer)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(issuer);
  if (username + password + search + hash !== "") return false;
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return protocol === "https:" || (local && loopback && protocol === "http:");
}

function parseAllowedUsers(settings: Settings, environment: string): string[] {
  const setting = "phoenix:allowedUsers";
  const users = settings.list(setting);
  const remedy = settings.setLike(setting, "USERS", "@example.org,ada@example.com");
  for (const user of users.filter((entry) => !isEmail(entry.replace(/^@/, "any@")))) {
    settings.report(
      setting,
      `has the entry ${shown(user)}, which is neither an e-mail address nor an @domain`,
      remedy,
    );
  }
  if (environment === "prod" && users.length === 0) {
    settings.report(
      setting,
      "is not set, so that in prod everyone with an account at the provider could sign in",
      remedy,
    );
  }
  return users;
}

/** Whether a text looks like an e-mail address. */
export function isEmail(text: string): boolean {
  return /^[^\s@,]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(text);
}

const PUBLIC_ACCESS = ["invokerIamDisabled", "allUsers", "private"] as const;

function parsePublicAccess(settings: Settings): PublicAccess {
  const setting = "phoenix:publicAccess";
  const value = settings.text(setting);
  const access = PUBLIC_ACCESS.find((each) => each === value);
  if (access === undefined) {
    settings.report(
      setting,
      `is ${shown(value)}, not one of ${PUBLIC_ACCESS.join(", ")}`,
      `${settings.setTo(setting, "WHO")}: invokerIamDisabled lets everyone in; where the organization's ` +
        "policy run.managed.requireInvokerIam forbids that, allUsers does, and where " +
        "iam.allowedPolicyMemberDomains forbids that too, or not everyone is to get in, it is private",
    );
  }
  return access ?? "private";
}
