import { shown } from "../pure/printable.ts";
import { parseUser } from "./emailAddress.ts";
import { isLoopbackHttp } from "./loopback.ts";

/** Where a service runs. */
export interface Deployment {
  /** False on a developer's machine. */
  readonly cloudRun: boolean;
  /**
   * Name of the environment, such as `prod`; undefined if it is not set, which is an error itself.
   */
  readonly environment: string | undefined;
}

/** What is wrong with a value, and how to fix it. */
export interface Fault {
  /** A clause without a full stop that follows the setting's name: `is "3", not ...`. */
  readonly cause: string;
  readonly mend: Mend;
}

/** How to fix a value. The Pulumi program shows it as a command, the service as a sentence. */
export type Mend =
  /** Set this value. */
  | { readonly value: string }
  /** Only the operator knows the value: its placeholder and an example. */
  | { readonly placeholder: string; readonly example: string }
  /** Use the default. */
  | "default";

type Checked<Value> = { readonly value: Value } | { readonly fault: Fault };

/** Parses and validates a setting's text, which is never empty. */
export type Check<Value> = (text: string, deployment: Deployment) => Checked<Value>;

export interface WholeNumber {
  /** Such as `seconds`. */
  readonly unit?: string;
  readonly min: number;
  /** Minimum on Cloud Run, if it is higher than on a developer's machine. */
  readonly deployedMin?: number;
  readonly max: number;
}

/** A whole number between `min` and `max`, both included. */
export function wholeNumber({ unit, min, deployedMin = min, max }: WholeNumber): Check<number> {
  return (text, { cloudRun }) => {
    const least = cloudRun ? deployedMin : min;
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= max) return { value };
    const what = `a whole number ${unit ? `of ${unit} ` : ""}from ${least} to ${max}`;
    const nearest = String(value < least ? least : max);
    const mend = Number.isNaN(value) ? "default" : { value: nearest };
    return { fault: { cause: `is ${shown(text)}, not ${what}`, mend } };
  };
}

/** One of a few words. */
export function oneOf<Word extends string>(words: readonly Word[]): Check<Word> {
  return (text) => {
    const value = words.find((word) => word === text);
    if (value !== undefined) return { value };
    const cause = `is ${shown(text)}, not one of ${words.join(", ")}`;
    return { fault: { cause, mend: "default" } };
  };
}

/** `true` or `false`. */
export const flag: Check<boolean> = (text) => {
  if (text === "true" || text === "false") return { value: text === "true" };
  return { fault: { cause: `is ${shown(text)}, not true or false`, mend: { value: "true" } } };
};

/** Whether cookies are sent over https only; on Cloud Run it must be true. */
export const cookieSecure: Check<boolean> = (text, deployment) => {
  const checked = flag(text, deployment);
  if ("fault" in checked || checked.value || !deployment.cloudRun) return checked;
  const cause = "is false, so sessions could be sent unencrypted; Cloud Run serves https only";
  return { fault: { cause, mend: { value: "true" } } };
};

/** Any text that neither begins nor ends with white space, since providers would not trim it. */
export function opaque(placeholder: string): Check<string> {
  return (text) =>
    text === text.trim()
      ? { value: text }
      : {
          fault: {
            cause: "begins or ends with white space, which providers do not trim",
            mend: { placeholder, example: "what `printf %s` writes" },
          },
        };
}

/**
 * Issuer of an OpenID Connect provider. The URL of the discovery document is derived from it:
 * https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
 */
export const issuer: Check<URL> = (text, { cloudRun }) => {
  const url = URL.parse(text);
  const refuse = (cause: string) => ({
    fault: { cause, mend: { placeholder: "URL", example: "https://accounts.google.com" } },
  });
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return refuse(`is ${shown(text)}, not the https URL of a provider`);
  }
  if (url.protocol === "http:" && (cloudRun || !isLoopbackHttp(url))) {
    return refuse(
      `is ${shown(text)}, an http URL, over which an attacker in the network could sign in as anyone`,
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    return refuse("has a user, a query or a fragment, which an issuer never has");
  }
  if (url.pathname.includes("/.well-known/")) {
    return refuse("is the address of a discovery document, not the issuer that it begins with");
  }
  const never = NEVER_ISSUERS.find(({ of, but }) => of.test(url.href) && !but.test(url.href));
  if (never !== undefined) return refuse(never.cause);
  return { value: url };
};

/** Common mistakes: URLs of known providers that differ from the `iss` of their tokens. */
const NEVER_ISSUERS: readonly {
  readonly of: RegExp;
  readonly but: RegExp;
  readonly cause: string;
}[] = [
  {
    of: /^https:\/\/login\.microsoftonline\.com\//,
    but: /\.com\/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\/v2\.0$/,
    cause: "is not Microsoft's issuer, which is https://login.microsoftonline.com/TENANT_ID/v2.0",
  },
  {
    of: /^https:\/\/accounts\.google\.com\//,
    but: /\.com\/$/,
    cause: "is not Google's issuer, which is https://accounts.google.com",
  },
  {
    of: /\/realms\/[^/]+\/$/,
    but: /(?!)/,
    cause: "ends in a slash, which Keycloak's issuers never do",
  },
];

/** Comma-separated domains, normalized for comparison. */
export const domains: Check<readonly string[]> = (text) => {
  const checked = users(
    listOf(text)
      .map((entry) => `@${entry.replace(/^@/, "")}`)
      .join(","),
    { cloudRun: false, environment: undefined },
  );
  if ("value" in checked) return { value: checked.value.map((entry) => entry.slice(1)) };
  const mend = { placeholder: "DOMAINS", example: "example.org,example.com" };
  return { fault: { cause: `is ${shown(text)}, not a list of domains`, mend } };
};

/** Comma-separated hosts as in the Host header, with or without a port. */
export const hosts: Check<readonly string[]> = (text) => {
  const entries = listOf(text).map((entry) => entry.toLowerCase());
  if (entries.every((entry) => URL.parse(`https://${entry}/`)?.host === entry)) {
    return { value: entries };
  }
  const mend = { placeholder: "HOSTS", example: "www.example.org,example.org" };
  return { fault: { cause: `is ${shown(text)}, not a list of host names`, mend } };
};

/** The service's public URL: scheme and host, without a path. */
export const publicUrl: Check<URL> = (text, { cloudRun }) => {
  const url = URL.parse(text);
  const secure = url?.protocol === "https:" || (!cloudRun && url !== null && isLoopbackHttp(url));
  if (url !== null && secure && url.href === `${url.origin}/`) return { value: url };
  const mend = { placeholder: "URL", example: "https://phoenix.example.org" };
  return { fault: { cause: `is ${shown(text)}, not an https URL without a path`, mend } };
};

/** Comma-separated e-mail addresses and @domains, normalized for comparison. */
export const users: Check<readonly string[]> = (text) => {
  const entries = listOf(text);
  const parsed = entries.map(parseUser);
  const wrong = entries.filter((_, index) => parsed[index] === undefined).map(shown);
  if (wrong.length === 0) return { value: parsed.filter((user) => user !== undefined) };
  const which =
    wrong.length === 1
      ? `has the entry ${wrong[0]}, which is neither an e-mail address nor an @domain`
      : `has the entries ${wrong.join(", ")}, which are neither e-mail addresses nor @domains`;
  const mend = { placeholder: "USERS", example: "@example.org,ada@example.com" };
  return { fault: { cause: which, mend } };
};

/** Splits at commas, trims the entries and drops empty ones. */
export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}
