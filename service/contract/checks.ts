import { shown } from "../pure/printable.ts";
import { parseUser } from "./emailAddress.ts";
import { isLoopbackHttp } from "./loopback.ts";

/** Where a service is to run. */
export interface Deployment {
  /** Whether that is Cloud Run; false on a developer's machine. */
  readonly cloudRun: boolean;
  /** Name of the environment, such as `prod`; undefined if that is what is missing. */
  readonly environment: string | undefined;
}

/** What is wrong with a value, and what to have in its place. */
export interface Fault {
  /** A clause without a full stop that follows the setting's name: `is "3", not ...`. */
  readonly cause: string;
  readonly mend: Mend;
}

/** What mends a value. The program words it as a command, the service as a sentence. */
export type Mend =
  /** The value that is right. */
  | { readonly value: string }
  /** Only whoever deploys knows the value: a word for it, and an example. */
  | { readonly placeholder: string; readonly example: string }
  /** The default is right. */
  | "default";

export type Checked<Value> = { readonly value: Value } | { readonly fault: Fault };

/** Reads a setting's text, which is never empty. */
export type Check<Value> = (text: string, deployment: Deployment) => Checked<Value>;

export interface WholeNumber {
  /** Such as `seconds`. */
  readonly unit?: string;
  readonly min: number;
  /** The least on Cloud Run, if a local run may go lower. */
  readonly deployedMin?: number;
  readonly max: number;
}

/** A whole number within bounds, the bounds included. */
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

/** Whether cookies are sent over https only: on Cloud Run always. */
export const cookieSecure: Check<boolean> = (text, deployment) => {
  const checked = flag(text, deployment);
  if ("fault" in checked || checked.value || !deployment.cloudRun) return checked;
  const cause =
    "is false, so that sessions could be sent without encryption; Cloud Run serves https only";
  return { fault: { cause, mend: { value: "true" } } };
};

/** Any text without white space around it, which a provider would take for a part of it. */
export function opaque(placeholder: string): Check<string> {
  return (text) =>
    text === text.trim()
      ? { value: text }
      : {
          fault: {
            cause: "begins or ends with white space, which providers take for a part of it",
            mend: { placeholder, example: "what `printf %s` writes" },
          },
        };
}

/**
 * Issuer of an OpenID Connect provider, from which the address of its discovery document follows:
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
      `is ${shown(text)}, an http URL, over which anybody in between could sign in as anyone`,
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

/** Addresses that look like an issuer, and that their provider never calls itself. */
const NEVER_ISSUERS: readonly {
  readonly of: RegExp;
  readonly but: RegExp;
  readonly cause: string;
}[] = [
  {
    of: /^https:\/\/login\.microsoftonline\.com\//,
    but: /\.com\/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\/v2\.0$/,
    cause: "is not what Microsoft calls itself: https://login.microsoftonline.com/TENANT_ID/v2.0",
  },
  {
    of: /^https:\/\/accounts\.google\.com\//,
    but: /\.com\/$/,
    cause: "is not what Google calls itself: https://accounts.google.com",
  },
  {
    of: /\/realms\/[^/]+\/$/,
    but: /(?!)/,
    cause: "ends in a slash, which what Keycloak calls itself never does",
  },
];

/** Comma-separated domains, each in the form in which they compare. */
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

/** Comma-separated hosts, with a port or without, as the Host header has them. */
export const hosts: Check<readonly string[]> = (text) => {
  const entries = listOf(text).map((entry) => entry.toLowerCase());
  if (entries.every((entry) => URL.parse(`https://${entry}/`)?.host === entry)) {
    return { value: entries };
  }
  const mend = { placeholder: "HOSTS", example: "www.example.org,example.org" };
  return { fault: { cause: `is ${shown(text)}, not a list of host names`, mend } };
};

/** The address at which users find the service: scheme and host, no more. */
export const publicUrl: Check<URL> = (text, { cloudRun }) => {
  const url = URL.parse(text);
  const secure = url?.protocol === "https:" || (!cloudRun && url !== null && isLoopbackHttp(url));
  if (url !== null && secure && url.href === `${url.origin}/`) return { value: url };
  const mend = { placeholder: "URL", example: "https://phoenix.example.org" };
  return { fault: { cause: `is ${shown(text)}, not an https URL without a path`, mend } };
};

/** Comma-separated e-mail addresses and @domains, each in the form in which they compare. */
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

/** Entries between commas, without surrounding space and without empty ones. */
export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}
