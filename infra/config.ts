import { getStack, type Output, runtime, secret } from "@pulumi/pulumi";
import { ConfigError } from "./configError.ts";
import { leastRefreshInterval } from "./quota.ts";
import { Settings, setTo, shown } from "./settings.ts";

/** Who may call the web service. */
export type PublicAccess = "invokerIamDisabled" | "allUsers" | "private";

/** A share of the traffic in percent; without a revision, that of the newest. */
export interface TrafficShare {
  readonly revision?: string;
  readonly percent: number;
}

/** Sign-in with an OpenID Connect provider. */
export interface SignIn {
  readonly issuer: string;
  readonly clientId: string;
}

/** All that the program is told, checked. Times are seconds. */
export interface StackConfig {
  /** Name of the stack: what sessions are bound to, and a part of every resource's name. */
  readonly environment: string;
  readonly project: string;
  readonly region: string;
  readonly sessionCookieSecure: boolean;
  readonly sessionLifetime: number;
  readonly logLevel: string;
  /** Undefined: nobody can sign in yet. */
  readonly signIn: SignIn | undefined;
  /** E-mail addresses and @domains; empty: everyone. */
  readonly allowedUsers: readonly string[];
  readonly keyActivationDelay: number;
  readonly keyRefreshInterval: number;
  /** Undefined: keys are rotated by hand only. */
  readonly rotationPeriod: number | undefined;
  readonly publicAccess: PublicAccess;
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly concurrency: number;
  readonly cpu: string;
  readonly memory: string;
  readonly baseImageUri: string;
  /** Undefined: the bundle is deployed. */
  readonly image: string | undefined;
  /** Empty: all traffic goes to the newest revision. */
  readonly traffic: readonly TrafficShare[];
  /** Includes the labels that every resource gets. */
  readonly labels: Readonly<Record<string, string>>;
  readonly alertEmails: readonly string[];
  readonly deletionProtection: boolean;
}

/** The stack that `npm start` evaluates and runs on one machine; it is never deployed. */
export const LOCAL_STACK = "local";
/** Its project, so that nothing else is taken for it. */
export const LOCAL_PROJECT = "phoenix-local";

const NAMES = [
  "sessionCookieSecure",
  "sessionLifetime",
  "logLevel",
  "oidcIssuer",
  "oidcClientId",
  "oidcClientSecret",
  "allowedUsers",
  "keyActivationDelay",
  "keyRefreshInterval",
  "rotationPeriod",
  "publicAccess",
  "minInstances",
  "maxInstances",
  "concurrency",
  "cpu",
  "memory",
  "baseImage",
  "image",
  "traffic",
  "labels",
  "alertEmails",
  "deletionProtection",
].map((name) => `phoenix:${name}`);

const HOUR = 3600;
const DAY = 24 * HOUR;

/**
 * Memory that Cloud Run allows for each number of CPUs, in MiB:
 * https://cloud.google.com/run/docs/configuring/services/memory-limits
 */
const MEMORY: Readonly<Record<string, readonly [least: number, most: number]>> = {
  "1": [128, 4096],
  "2": [128, 8192],
  "4": [2048, 16384],
  "6": [4096, 24576],
  "8": [4096, 32768],
};

const CLIENT_SECRET = "phoenix:oidcClientSecret";

/**
 * Checks the configuration of one stack.
 *
 * @param values Full names (`gcp:project`, `phoenix:maxInstances`) and values as text. All of
 * `phoenix:` are there: Pulumi takes those that a stack does not set from Pulumi.yaml.
 * @param environment Name of the stack.
 * @param encrypted Names of the values that are encrypted in the stack's file; undefined where
 * there is no such file.
 * @throws ConfigError with all problems.
 */
export function parseConfig(
  values: Readonly<Record<string, string>>,
  environment: string,
  encrypted?: readonly string[],
): StackConfig {
  const settings = new Settings(values);
  reportUnknown(settings, values);
  const local = environment === LOCAL_STACK;
  const prod = environment === "prod";
  // The longest name is a service account's: phoenix-ENVIRONMENT-rotator, 30 characters at most.
  if (!/^[a-z]([a-z0-9-]{0,12}[a-z0-9])?$/.test(environment)) {
    settings.report(
      "The stack's name",
      `is ${shown(environment)}, not 1 to 14 lower-case letters, digits and hyphens`,
      "Run `pulumi stack rename staging`, or such",
    );
  }

  const minInstances = settings.integer("phoenix:minInstances", 0, 1000);
  const maxInstances = settings.integer("phoenix:maxInstances", 1, 1000);
  if (minInstances > maxInstances) {
    settings.report(
      "phoenix:maxInstances",
      `is ${maxInstances}, less than phoenix:minInstances, ${minInstances}`,
      setTo("phoenix:maxInstances", String(minInstances)),
    );
  }
  if (prod && minInstances === 0) {
    settings.report(
      "phoenix:minInstances",
      "is 0, so that in prod the first visitor after a pause waits for an instance",
      setTo("phoenix:minInstances", "1"),
    );
  }

  const keyRefreshInterval = Math.max(
    settings.integer("phoenix:keyRefreshInterval", 10, HOUR),
    leastRefreshInterval(maxInstances),
  );
  const keyActivationDelay = settings.integer("phoenix:keyActivationDelay", 60, DAY);
  // A ring is at most twice the interval old, and the list that it was read from may lag a little.
  const leastDelay = 3 * keyRefreshInterval;
  if (keyActivationDelay < leastDelay) {
    settings.report(
      "phoenix:keyActivationDelay",
      `is ${keyActivationDelay}, so that a key could sign before every instance has read it: ` +
        `with ${maxInstances} instances each reads the list every ${keyRefreshInterval} seconds`,
      setTo("phoenix:keyActivationDelay", String(leastDelay)),
    );
  }

  if (encrypted?.includes(CLIENT_SECRET) === false && settings.text(CLIENT_SECRET) !== "") {
    settings.report(
      CLIENT_SECRET,
      `is readable for everyone in Pulumi.${environment}.yaml`,
      `Run \`pulumi config set --secret ${CLIENT_SECRET}\`, and have the provider make a new one if the file has left this machine`,
    );
  }
  const { cpu, memory } = parseSize(settings);
  const region = parseRegion(settings);
  const baseImage = settings.text("phoenix:baseImage");
  const config: StackConfig = {
    environment,
    project: parseProject(settings, local),
    region,
    sessionCookieSecure: parseCookieSecure(settings, local),
    sessionLifetime: settings.integer("phoenix:sessionLifetime", 60, 400 * DAY),
    logLevel: settings.oneOf("phoenix:logLevel", [
      "info",
      "trace",
      "debug",
      "warn",
      "error",
      "fatal",
    ]),
    signIn: parseSignIn(settings, local),
    allowedUsers: parseAllowedUsers(settings, prod),
    keyActivationDelay,
    keyRefreshInterval,
    rotationPeriod: parsePeriod(settings, keyActivationDelay),
    publicAccess: parsePublicAccess(settings),
    minInstances,
    maxInstances,
    concurrency: settings.integer("phoenix:concurrency", 1, 1000),
    cpu,
    memory,
    baseImageUri: `${region}-docker.pkg.dev/serverless-runtimes/${baseImage}`,
    image: parseImage(settings),
    traffic: parseTraffic(settings, environment),
    labels: { ...parseLabels(settings), app: "phoenix", environment },
    alertEmails: parseAlertEmails(settings),
    deletionProtection: settings.boolean("phoenix:deletionProtection"),
  };
  if (!/^[a-z0-9-]+\/runtimes\/nodejs\d+$/.test(baseImage)) {
    settings.report(
      "phoenix:baseImage",
      `is ${shown(baseImage)}, not STACK/runtimes/nodejsVERSION`,
      setTo("phoenix:baseImage", "google-24-full/runtimes/nodejs24"),
    );
  }
  const silent = !["trace", "debug", "info"].includes(config.logLevel);
  if (silent && config.alertEmails.length > 0) {
    settings.report(
      "phoenix:logLevel",
      `is ${config.logLevel}, so that the entries that alerts count are never written`,
      setTo("phoenix:logLevel", "info"),
    );
  }
  if (settings.problems.length > 0) throw new ConfigError(environment, settings.problems);
  return config;
}

/**
 * The configuration of the stack that is being deployed, and the client secret, which only ever
 * leaves this file as a Pulumi secret.
 *
 * @throws ConfigError with all problems.
 */
export function readConfig(): {
  config: StackConfig;
  oidcClientSecret: Output<string> | undefined;
} {
  const values = runtime.allConfig();
  const config = parseConfig(values, getStack(), encryptedNames());
  const clientSecret = values[CLIENT_SECRET];
  return { config, oidcClientSecret: clientSecret ? secret(clientSecret.trim()) : undefined };
}

/** The CLI tells the program this way; Pulumi's own functions for it keep quiet about it. */
function encryptedNames(): string[] | undefined {
  const names = process.env.PULUMI_CONFIG_SECRET_KEYS;
  return names === undefined ? undefined : (JSON.parse(names) as string[]);
}

function reportUnknown(settings: Settings, values: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(values)) {
    if (name.startsWith("phoenix:") && !NAMES.includes(name)) {
      settings.report(name, "is no setting of this program", `Run \`pulumi config rm ${name}\``);
    }
  }
}

function parseProject(settings: Settings, local: boolean): string {
  const project = settings.text("gcp:project");
  if (local) {
    if (project !== LOCAL_PROJECT) {
      settings.report(
        "The stack",
        `is named ${LOCAL_STACK}, which is the one that runs on one machine and is never deployed`,
        "Run `npm start` to run it, or `pulumi stack select dev` to deploy another",
      );
    }
    return project;
  }
  if (!/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(project)) {
    settings.report(
      "gcp:project",
      project === "" ? "is not set" : `is ${shown(project)}, not the ID of a project`,
      "Run `pulumi config set gcp:project ID` with the ID that `gcloud projects list` shows",
    );
  }
  return project;
}

function parseRegion(settings: Settings): string {
  const region = settings.text("gcp:region");
  if (!/^[a-z]+-[a-z]+\d{1,2}$/.test(region)) {
    settings.report(
      "gcp:region",
      region === "" ? "is not set" : `is ${shown(region)}, not a region`,
      setTo("gcp:region", "europe-west1"),
    );
  }
  return region;
}

function parseCookieSecure(settings: Settings, local: boolean): boolean {
  const secure = settings.boolean("phoenix:sessionCookieSecure");
  if (!secure && !local && settings.text("phoenix:sessionCookieSecure") === "false") {
    settings.report(
      "phoenix:sessionCookieSecure",
      "is false, so that sessions could be sent without encryption; Cloud Run serves https only",
      setTo("phoenix:sessionCookieSecure", "true"),
    );
  }
  return secure;
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
      "Run `pulumi config set phoenix:publicAccess invokerIamDisabled`; where the organization's " +
        "policy run.managed.requireInvokerIam forbids that, set allUsers, and where " +
        "iam.allowedPolicyMemberDomains forbids that too, private",
    );
  }
  return access ?? "private";
}

function parseSignIn(settings: Settings, local: boolean): SignIn | undefined {
  const issuer = settings.text("phoenix:oidcIssuer");
  const clientId = settings.text("phoenix:oidcClientId");
  const parts = [
    {
      name: "phoenix:oidcIssuer",
      set: issuer !== "",
      remedy: "phoenix:oidcIssuer https://accounts.google.com",
    },
    { name: "phoenix:oidcClientId", set: clientId !== "", remedy: "phoenix:oidcClientId ID" },
    {
      name: CLIENT_SECRET,
      set: settings.text(CLIENT_SECRET) !== "",
      remedy: `--secret ${CLIENT_SECRET}`,
    },
  ];
  if (parts.every((part) => !part.set)) return undefined;
  for (const { name, remedy } of parts.filter((part) => !part.set)) {
    settings.report(
      name,
      `is not set, and ${parts.find((part) => part.set)?.name} is: sign-in needs all three`,
      `Run \`pulumi config set ${remedy}\``,
    );
  }
  if (issuer !== "" && !isIssuer(issuer, local)) {
    settings.report(
      "phoenix:oidcIssuer",
      `is ${shown(issuer)}, not the https URL of a provider`,
      setTo("phoenix:oidcIssuer", "https://accounts.google.com"),
    );
  }
  return { issuer, clientId };
}

function isIssuer(issuer: string, local: boolean): boolean {
  if (!URL.canParse(issuer)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(issuer);
  if (username + password + search + hash !== "") return false;
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return protocol === "https:" || (local && loopback && protocol === "http:");
}

const EMAIL = /^[^\s@,]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/i;

function parseAllowedUsers(settings: Settings, prod: boolean): string[] {
  const setting = "phoenix:allowedUsers";
  const users = settings.list(setting);
  for (const user of users.filter((entry) => !EMAIL.test(entry.replace(/^@/, "any@")))) {
    settings.report(
      setting,
      `has the entry ${shown(user)}, which is neither an e-mail address nor an @domain`,
      setTo(setting, "ada@example.com,@example.org"),
    );
  }
  if (prod && users.length === 0) {
    settings.report(
      setting,
      "is not set, so that in prod everyone with an account at the provider could sign in",
      `Run \`pulumi config set ${setting} @YOUR-DOMAIN\`, or list e-mail addresses`,
    );
  }
  return users;
}

/** Two hours at least: the rotator takes a version that is younger than one as "already rotated". */
function parsePeriod(settings: Settings, activationDelay: number): number | undefined {
  const setting = "phoenix:rotationPeriod";
  const value = settings.text(setting);
  if (value === "") return undefined;
  const match = /^(\d{1,5})([dh])$/.exec(value);
  const period = match ? Number(match[1]) * (match[2] === "d" ? DAY : HOUR) : 0;
  if (match === null) {
    settings.report(setting, `is ${shown(value)}, not days or hours`, setTo(setting, "30d"));
  } else if (period < 2 * HOUR || period <= activationDelay) {
    settings.report(
      setting,
      `is ${shown(value)}, less than two hours or than phoenix:keyActivationDelay, so that a key ` +
        "would be replaced before it signs",
      setTo(setting, "30d"),
    );
  }
  return period;
}

function parseSize(settings: Settings): { cpu: string; memory: string } {
  const cpu = settings.oneOf("phoenix:cpu", ["1", "2", "4", "6", "8"]);
  const memory = settings.text("phoenix:memory");
  const match = /^(\d{1,5})(Mi|Gi)$/.exec(memory);
  const mebibytes = match ? Number(match[1]) * (match[2] === "Gi" ? 1024 : 1) : 0;
  const [least, most] = MEMORY[cpu] ?? [0, 0];
  if (mebibytes < least || mebibytes > most) {
    settings.report(
      "phoenix:memory",
      `is ${shown(memory)}, not ${least}Mi to ${most}Mi, which is what ${cpu} CPU can have`,
      setTo("phoenix:memory", `${Math.max(least, 512)}Mi`),
    );
  }
  return { cpu, memory };
}

function parseImage(settings: Settings): string | undefined {
  const image = settings.text("phoenix:image");
  if (image !== "" && !/^[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}$/.test(image)) {
    settings.report(
      "phoenix:image",
      `is ${shown(image)}, which names no digest, so that what runs could change by itself`,
      "Run `pulumi config set phoenix:image REPOSITORY@sha256:DIGEST` with the digest that `docker push` printed",
    );
  }
  return image === "" ? undefined : image;
}

function parseTraffic(settings: Settings, environment: string): TrafficShare[] {
  const setting = "phoenix:traffic";
  const example = `latest=10,phoenix-${environment}-00001-abc=90`;
  const pairs = settings.pairs(setting, example);
  const shares = pairs.map(([revision, percent]): TrafficShare => {
    if (!/^[1-9]\d{0,2}$/.test(percent)) {
      settings.report(
        setting,
        `gives ${shown(revision)} ${shown(percent)}, not a percentage`,
        setTo(setting, example),
      );
    }
    if (revision !== "latest" && !/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(revision)) {
      settings.report(
        setting,
        `names ${shown(revision)}, which is neither latest nor a revision`,
        `Run \`gcloud run revisions list --service phoenix-${environment}\` for their names`,
      );
    }
    return { ...(revision === "latest" ? {} : { revision }), percent: Number(percent) };
  });
  const sum = shares.reduce((total, share) => total + share.percent, 0);
  if (shares.length > 0 && !Number.isNaN(sum) && sum !== 100) {
    settings.report(setting, `adds up to ${sum} percent, not 100`, setTo(setting, example));
  }
  if (new Set(pairs.map(([revision]) => revision)).size < pairs.length) {
    settings.report(setting, "names a revision twice", setTo(setting, example));
  }
  return shares;
}

/** https://cloud.google.com/resource-manager/docs/labels-overview#requirements */
function parseLabels(settings: Settings): Record<string, string> {
  const setting = "phoenix:labels";
  const pairs = settings.pairs(setting, "team=web,cost-center=42");
  for (const [key, value] of pairs) {
    const reserved = key === "app" || key === "environment" || key.startsWith("goog");
    if (reserved || !/^[a-z][a-z0-9_-]{0,62}$/.test(key) || !/^[a-z0-9_-]{0,63}$/.test(value)) {
      settings.report(
        setting,
        `has ${shown(`${key}=${value}`)}, ${reserved ? "whose key is taken" : "which Google does not take: lower-case letters, digits, hyphens and underscores"}`,
        setTo(setting, "team=web,cost-center=42"),
      );
    }
  }
  return Object.fromEntries(pairs);
}

function parseAlertEmails(settings: Settings): string[] {
  const setting = "phoenix:alertEmails";
  const emails = settings.list(setting);
  for (const email of emails.filter((entry) => !EMAIL.test(entry))) {
    settings.report(
      setting,
      `has the entry ${shown(email)}, which is no e-mail address`,
      setTo(setting, "oncall@example.com"),
    );
  }
  return [...new Set(emails)];
}
