import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { parse as parseYaml } from "yaml";
import { parseConfig as parse } from "../../../infra/config/stackConfig.ts";
import { publicUrl } from "../../../service/contract/checks.ts";
import { ConfigError, type Problem } from "../../../service/contract/errors.ts";
import { parseKeyLimits } from "../../../service/keys/limits.ts";
import { evaluateStack, stackConfig } from "../../support/declaredStack.ts";

function valuesOf(stack: string, changes: Record<string, string> = {}): Record<string, string> {
  return {
    ...stackConfig(stack),
    "gcp:project": "acme-phoenix",
    "phoenix:allowedUsers": "@acme.example",
    ...changes,
  };
}

function parseConfig(values: Record<string, string>, environment: string, encrypted?: string[]) {
  return parse(values, { product: "phoenix", environment }, encrypted);
}

function problemsOf(
  stack: string,
  changes: Record<string, string>,
  encrypted?: string[],
): readonly Problem[] {
  try {
    parseConfig(valuesOf(stack, changes), stack, encrypted);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("dev and prod differ as their files say, and both send cookies over https only", () => {
  const dev = parseConfig(valuesOf("dev"), "dev");
  const prod = parseConfig(valuesOf("prod"), "prod");
  expect(dev).toMatchObject({
    environment: "dev",
    service: { values: { sessionCookieSecure: true } },
    deletionProtection: false,
    minInstances: 0,
    rotationPeriod: undefined,
  });
  expect(prod).toMatchObject({
    environment: "prod",
    service: { values: { sessionCookieSecure: true } },
    deletionProtection: true,
    minInstances: 1,
    rotationPeriod: 30 * 24 * 3600,
  });
});

test("every setting has a type, a default and a description", () => {
  const file = readFileSync(join(import.meta.dirname, "../../../Pulumi.yaml"), "utf8");
  const declared: Record<string, object> = parseYaml(file).config;
  for (const [name, setting] of Object.entries(declared)) {
    expect([name, Object.keys(setting).sort()]).toEqual([name, ["default", "description", "type"]]);
  }
});

test("the defaults are valid in a stack that sets only its project and region", () => {
  const values = {
    ...stackConfig("staging"),
    "gcp:project": "acme-phoenix",
    "gcp:region": "us-central1",
  };
  expect(parseConfig(values, "staging")).toMatchObject({
    service: {
      values: {
        sessionCookieSecure: true,
        sessionLifetime: 604_800,
        keyActivationDelay: 1800,
        oidcIssuer: undefined,
      },
    },
    keyRefreshInterval: 60,
    image: undefined,
    traffic: [],
    alertEmails: [],
    deletionProtection: true,
  });
});

/** Two regions, and the settings that they need. */
const REGIONS = {
  "phoenix:regions": "europe-west1,us-central1",
  "phoenix:domain": "phoenix.acme.example",
};

interface Refusal {
  readonly setting: string;
  readonly because: string;
  readonly stack?: string;
  readonly changes: Record<string, string>;
  /** Expected cause, if the test checks it. */
  readonly cause?: string;
  readonly remedy: RegExp;
}

const REFUSALS: Refusal[] = [
  {
    setting: "gcp:project",
    because: "it is not set",
    changes: { "gcp:project": "" },
    remedy: /pulumi config set --stack dev gcp:project ID/,
  },
  {
    setting: "gcp:project",
    because: "it is a name, not an ID",
    changes: { "gcp:project": "Acme Phoenix" },
    remedy: /gcloud projects list/,
  },
  {
    setting: "gcp:region",
    because: "it is not set",
    changes: { "gcp:region": "" },
    remedy: /pulumi config set --stack dev gcp:region REGION`, such as europe-west1/,
  },
  {
    setting: "phoenix:sessionCookieSecure",
    because: "it is false on Cloud Run",
    stack: "prod",
    changes: { "phoenix:sessionCookieSecure": "false" },
    remedy: /pulumi config set --stack prod phoenix:sessionCookieSecure true/,
  },
  {
    setting: "phoenix:sessionCookieSecure",
    because: "it is neither true nor false",
    changes: { "phoenix:sessionCookieSecure": "yes" },
    remedy: /phoenix:sessionCookieSecure true/,
  },
  ...[
    ["it is an address", "203.0.113.10"],
    ["it is an IPv6 address", "[2001:db8::1]"],
    ["it has a single label", "phoenix"],
    ["a label is too long", `${"a".repeat(64)}.example`],
    ["it is longer than a name can be", `${"abcdefg.".repeat(32)}example`],
    ["it has a space", "phoenix acme.example"],
    ["it has a user", "ada@acme.example"],
    ["its Unicode means another domain", "phoenix.\u212Aelvin.example"],
  ].map(([because = "", domain = ""]) => ({
    setting: "phoenix:domain",
    because,
    changes: { "phoenix:domain": domain },
    remedy: /phoenix:domain DOMAIN`, such as phoenix\.acme\.example$/,
  })),
  ...[
    ["it has a scheme", "https://phoenix.acme.example"],
    ["it is a URL", "http://phoenix.acme.example:8443/login?a=b"],
    ["it has a port", "phoenix.acme.example:443"],
    ["it has a path", "phoenix.acme.example/"],
    ["it ends in a dot", "phoenix.acme.example."],
    ["it is a wildcard", "*.phoenix.acme.example"],
  ].map(([because = "", domain = ""]) => ({
    setting: "phoenix:domain",
    because,
    changes: { "phoenix:domain": domain },
    remedy: /config set --stack dev phoenix:domain phoenix\.acme\.example`$/,
  })),
  {
    setting: "phoenix:domain",
    because: "it is Cloud Run's",
    changes: { "phoenix:domain": "phoenix-dev-123456789012.europe-west1.run.app" },
    remedy: /config rm --stack dev phoenix:domain`$/,
  },
  {
    setting: "phoenix:requestsPerMinute",
    because: "nobody could load a page",
    changes: { "phoenix:requestsPerMinute": "1" },
    remedy: /phoenix:requestsPerMinute 60`$/,
  },
  {
    setting: "phoenix:maxInstances",
    because: "it is less than minInstances",
    changes: { "phoenix:minInstances": "4", "phoenix:maxInstances": "3" },
    remedy: /phoenix:maxInstances 4/,
  },
  {
    setting: "phoenix:minInstances",
    because: "prod has no warm instance",
    stack: "prod",
    changes: { "phoenix:minInstances": "0" },
    remedy: /phoenix:minInstances 1/,
  },
  {
    setting: "phoenix:minInstances",
    because: "it is no whole number",
    changes: { "phoenix:minInstances": "1.5" },
    remedy: /pulumi config rm --stack dev phoenix:minInstances/,
  },
  {
    setting: "phoenix:sessionLifetime",
    because: "it is nothing",
    changes: { "phoenix:sessionLifetime": "0" },
    remedy: /phoenix:sessionLifetime 60`/,
  },
  {
    setting: "phoenix:sessionLifetime",
    because: "it is no number, and the least one would sign everyone out after a minute",
    changes: { "phoenix:sessionLifetime": "7d" },
    cause: 'is "7d", not a whole number of seconds from 60 to 34560000',
    remedy: /pulumi config rm --stack dev phoenix:sessionLifetime`/,
  },
  {
    setting: "phoenix:maxInstances",
    because: "it is more than there can be",
    changes: { "phoenix:maxInstances": "2000" },
    remedy: /phoenix:maxInstances 1000`/,
  },
  {
    setting: "phoenix:logLevel",
    because: "there is no such level",
    changes: { "phoenix:logLevel": "verbose" },
    remedy: /pulumi config rm --stack dev phoenix:logLevel`/,
  },
  {
    setting: "phoenix:logLevel",
    because: "alerts would never see an entry",
    changes: { "phoenix:logLevel": "warn", "phoenix:alertEmails": "oncall@acme.example" },
    remedy: /phoenix:logLevel info/,
  },
  {
    setting: "phoenix:oidcClientId",
    because: "the issuer is set",
    changes: { "phoenix:oidcIssuer": "https://id.example", "phoenix:oidcClientSecret": "x" },
    remedy: /pulumi config set --stack dev phoenix:oidcClientId ID/,
  },
  {
    setting: "phoenix:oidcClientSecret",
    because: "the rest is set",
    changes: { "phoenix:oidcIssuer": "https://id.example", "phoenix:oidcClientId": "x" },
    remedy: /pulumi config set --stack dev --secret phoenix:oidcClientSecret/,
  },
  {
    setting: "phoenix:oidcIssuer",
    because: "it is not https",
    changes: {
      "phoenix:oidcIssuer": "http://localhost:9000",
      "phoenix:oidcClientId": "x",
      "phoenix:oidcClientSecret": "x",
    },
    remedy: /phoenix:oidcIssuer URL`, such as https:/,
  },
  {
    setting: "phoenix:oidcIssuer",
    because: "the rest is set",
    changes: { "phoenix:oidcClientId": "x", "phoenix:oidcClientSecret": "x" },
    remedy: /phoenix:oidcIssuer URL`, such as https:/,
  },
  {
    setting: "phoenix:allowedUsers",
    because: "prod would let everyone in",
    stack: "prod",
    changes: { "phoenix:allowedUsers": "" },
    remedy: /pulumi config set --stack prod phoenix:allowedUsers USERS`, such as @example/,
  },
  {
    setting: "phoenix:allowedUsers",
    because: "an entry is neither address nor @domain",
    changes: { "phoenix:allowedUsers": "acme.example" },
    remedy: /allowedUsers USERS`, such as @example\.org,ada@example\.com/,
  },
  {
    setting: "phoenix:keyActivationDelay",
    because: "a key would sign before every instance has read it",
    changes: { "phoenix:keyActivationDelay": "120" },
    remedy: /phoenix:keyActivationDelay 180/,
  },
  {
    setting: "phoenix:rotationPeriod",
    because: "it has no unit",
    changes: { "phoenix:rotationPeriod": "30" },
    remedy: /phoenix:rotationPeriod PERIOD`, such as 30d/,
  },
  {
    setting: "phoenix:rotationPeriod",
    because: "the rotator would take the version before for this one",
    changes: { "phoenix:rotationPeriod": "1h" },
    cause:
      'is "1h": it has to be at least two hours, and longer than phoenix:keyActivationDelay, or a key would be replaced before it signs',
    remedy: /phoenix:rotationPeriod 2h`/,
  },
  {
    setting: "phoenix:rotationPeriod",
    because: "a key would be replaced in the moment in which it signs",
    changes: { "phoenix:rotationPeriod": "3h", "phoenix:keyActivationDelay": "10800" },
    remedy: /phoenix:rotationPeriod 4h`/,
  },
  {
    setting: "phoenix:rotationPeriod",
    because: "Secret Manager allows a hundred years",
    changes: { "phoenix:rotationPeriod": "36501d" },
    cause: 'is "36501d", not up to 9999 days (d) or 99999 hours (h)',
    remedy: /phoenix:rotationPeriod PERIOD`, such as 30d/,
  },
  {
    setting: "phoenix:publicAccess",
    because: "there is no such way, and both policies that may forbid the others are named",
    changes: { "phoenix:publicAccess": "everyone" },
    remedy: /run\.managed\.requireInvokerIam.*allUsers.*iam\.allowedPolicyMemberDomains.*private/,
  },
  {
    setting: "phoenix:cpu",
    because: "Cloud Run has no such size",
    changes: { "phoenix:cpu": "3" },
    remedy: /pulumi config rm --stack dev phoenix:cpu`/,
  },
  {
    setting: "phoenix:memory",
    because: "so many CPUs need more",
    changes: { "phoenix:cpu": "4", "phoenix:memory": "512Mi" },
    remedy: /phoenix:memory 2048Mi`/,
  },
  {
    setting: "phoenix:memory",
    because: "so few CPUs can't have that much",
    changes: { "phoenix:cpu": "2", "phoenix:memory": "16Gi" },
    remedy: /phoenix:memory 8192Mi`/,
  },
  {
    setting: "phoenix:memory",
    because: "it is not whole",
    changes: { "phoenix:memory": "0.5Gi" },
    cause: 'is "0.5Gi", not a whole number of Mi or Gi',
    remedy: /phoenix:memory SIZE`, such as 512Mi/,
  },
  {
    setting: "phoenix:memory",
    because: "Google would write it without the zero, and each `up` would change it",
    changes: { "phoenix:memory": "0512Mi" },
    remedy: /phoenix:memory SIZE`, such as 512Mi/,
  },
  {
    setting: "phoenix:concurrency",
    because: "Cloud Run allows 1000",
    changes: { "phoenix:concurrency": "1001" },
    remedy: /phoenix:concurrency 1000`/,
  },
  {
    setting: "phoenix:baseImage",
    because: "it is no runtime",
    changes: { "phoenix:baseImage": "node:24" },
    remedy: /pulumi config rm --stack dev phoenix:baseImage`/,
  },
  {
    setting: "phoenix:image",
    because: "a tag can move",
    changes: { "phoenix:image": "europe-docker.pkg.dev/acme/phoenix/web:latest" },
    remedy: /REPOSITORY@sha256:DIGEST/,
  },
  {
    setting: "phoenix:image",
    because: "Cloud Run can't read this registry",
    changes: { "phoenix:image": `ghcr.io/acme/web@sha256:${"a".repeat(64)}` },
    remedy: /REPOSITORY@sha256:DIGEST` with a repository of Artifact Registry/,
  },
  {
    setting: "phoenix:image",
    because: "Cloud Run can't read this machine's registry",
    changes: { "phoenix:image": `localhost:5000/web@sha256:${"a".repeat(64)}` },
    remedy: /Artifact Registry/,
  },
  {
    setting: "phoenix:allowedUsers",
    because: "it is longer than an environment variable",
    changes: {
      "phoenix:allowedUsers": Array.from({ length: 2000 }, (_, n) => `u${n}@acme.example`).join(),
    },
    remedy: /phoenix:allowedUsers VALUE` with a shorter value/,
  },
  {
    setting: "phoenix:traffic",
    because: "it does not add up to 100",
    changes: { "phoenix:traffic": "latest=10,phoenix-dev-00002-abc=80" },
    remedy:
      /phoenix:traffic SHARES`, such as latest=10,phoenix-dev-00007-abc=90; `gcloud run revisions list --service phoenix-dev --region europe-west1 --project acme-phoenix` shows/,
  },
  {
    setting: "phoenix:traffic",
    because: "it names a revision of another stack",
    changes: { "phoenix:traffic": "phoenix-prod-00007-abc=100" },
    remedy: /gcloud run revisions list --service phoenix-dev /,
  },
  {
    setting: "phoenix:traffic",
    because: "it names a revision twice",
    changes: { "phoenix:traffic": "latest=50,latest=50" },
    remedy: /phoenix:traffic SHARES`/,
  },
  {
    setting: "phoenix:traffic",
    because: "an entry is no revision",
    changes: { "phoenix:traffic": "Phoenix!=100" },
    remedy: /gcloud run revisions list --service phoenix-dev/,
  },
  {
    setting: "phoenix:traffic",
    because: "a share is no percentage",
    changes: { "phoenix:traffic": "latest=all" },
    remedy: /phoenix:traffic SHARES`, such as latest=10,/,
  },
  {
    setting: "phoenix:labels",
    because: "Google takes lower case only",
    changes: { "phoenix:labels": "Team=Web" },
    cause:
      'has "Team=Web", which Google does not take: only lower-case letters, digits, hyphens and underscores',
    remedy: /phoenix:labels LABELS`, such as team=web,cost-center=42/,
  },
  {
    setting: "phoenix:labels",
    because: "the key is the program's own",
    changes: { "phoenix:labels": "environment=other" },
    remedy: /phoenix:labels LABELS`, such as team=web/,
  },
  {
    setting: "phoenix:labels",
    because: "a key is there twice",
    changes: { "phoenix:labels": "team=web,team=api" },
    remedy: /phoenix:labels LABELS`/,
  },
  {
    setting: "phoenix:labels",
    because: "Google omits an empty value, and each `up` would add it again",
    changes: { "phoenix:labels": "team=" },
    remedy: /phoenix:labels LABELS`/,
  },
  {
    setting: "phoenix:labels",
    because: "Google allows 64, of which two are the program's",
    changes: { "phoenix:labels": Array.from({ length: 63 }, (_, n) => `k${n}=v`).join() },
    cause: "has 63 labels, more than 62",
    remedy: /phoenix:labels LABELS`/,
  },
  {
    setting: "phoenix:alertEmails",
    because: "an alert policy has at most 16 channels",
    changes: {
      "phoenix:alertEmails": Array.from({ length: 17 }, (_, n) => `a${n}@b.example`).join(),
    },
    cause: "and phoenix:alertChannels have 17 entries, and an alert can have 16",
    remedy: /phoenix:alertEmails ADDRESSES`/,
  },
  {
    setting: "phoenix:alertEmails",
    because: "an entry is no address",
    changes: { "phoenix:alertEmails": "oncall" },
    remedy: /phoenix:alertEmails ADDRESSES`, such as oncall@example\.com/,
  },
  {
    setting: "phoenix:alertChannels",
    because: "an entry is no channel",
    changes: { "phoenix:alertChannels": "oncall" },
    remedy: /phoenix:alertChannels CHANNELS`.*gcloud beta monitoring channels list/,
  },
  {
    setting: "phoenix:secretLocations",
    because: "an entry is no region",
    changes: { "phoenix:secretLocations": "europe-west1,eu" },
    cause: 'has the entry "eu", which is not a region',
    remedy: /phoenix:secretLocations REGIONS`, such as europe-west1,europe-west4/,
  },
  {
    setting: "phoenix:secretLocations",
    because: "several regions would be without keys in an outage of one",
    changes: { ...REGIONS, "phoenix:secretLocations": "europe-west1" },
    remedy: /phoenix:secretLocations europe-west1,us-central1`$/,
  },
  {
    setting: "phoenix:endedLocation",
    because: "several regions would be without the list of the ended in an outage of one",
    changes: { ...REGIONS, "phoenix:endedLocation": "europe-west1" },
    remedy: /phoenix:endedLocation LOCATION`, such as EU, US, /,
  },
  {
    setting: "phoenix:endedLocation",
    because: "its default is a single region where no multi-region holds gcp:region",
    changes: {
      ...REGIONS,
      "gcp:region": "australia-southeast1",
      "phoenix:regions": "australia-southeast1,asia-east1",
    },
    remedy: /phoenix:endedLocation LOCATION`, such as EU, US, /,
  },
  {
    setting: "phoenix:endedLocation",
    because: "it is no location",
    changes: { "phoenix:endedLocation": "Europe" },
    remedy: /phoenix:endedLocation LOCATION`, such as EU, /,
  },
  {
    setting: "phoenix:domain",
    because: "several regions need one address",
    changes: { "phoenix:regions": "europe-west1,us-central1" },
    cause: "is not set, and the 2 regions of phoenix:regions need one address",
    remedy: /phoenix:domain DOMAIN`, such as phoenix\.acme\.example/,
  },
  {
    setting: "phoenix:regions",
    because: "a region is named twice",
    changes: { ...REGIONS, "phoenix:regions": "europe-west1,us-central1,us-central1" },
    cause: 'has "us-central1" twice',
    remedy: /phoenix:regions europe-west1,us-central1`$/,
  },
  {
    setting: "phoenix:regions",
    because: "gcp:region is not the first",
    changes: { ...REGIONS, "phoenix:regions": "us-central1,europe-west1" },
    cause: "does not begin with gcp:region, europe-west1",
    remedy: /phoenix:regions europe-west1,us-central1`$/,
  },
  {
    setting: "phoenix:regions",
    because: "gcp:region is not among them",
    changes: { ...REGIONS, "phoenix:regions": "us-central1" },
    cause: "does not begin with gcp:region, europe-west1",
    remedy: /phoenix:regions europe-west1,us-central1`$/,
  },
  {
    setting: "phoenix:regions",
    because: "an entry is no region",
    changes: { ...REGIONS, "phoenix:regions": "europe-west1,us" },
    cause: 'has "us", which is not a region',
    remedy: /phoenix:regions europe-west1,REGION`, such as europe-west1,us-central1/,
  },
  {
    setting: "phoenix:regions",
    because: "a region has no base image",
    changes: { ...REGIONS, "phoenix:regions": "europe-west1,us-centrall" },
    remedy: /phoenix:regions europe-west1,us-central1`$/,
  },
  {
    setting: "phoenix:regions",
    because: "a region does not exist",
    changes: { ...REGIONS, "phoenix:regions": "europe-west1,us-central3" },
    cause: `has "us-central3", where there is no base image of Google's for the bundle`,
    remedy: /phoenix:regions europe-west1,us-central1`$/,
  },
  {
    setting: "gcp:region",
    because: "no region is near",
    changes: { "gcp:region": "moon-crater1" },
    remedy: /gcp:region REGION`, such as europe-west1/,
  },
  {
    setting: "gcp:region",
    because: "there is no base image",
    changes: { "gcp:region": "europe-west7" },
    cause: "is europe-west7, where there is no base image of Google's for the bundle",
    remedy: /gcp:region europe-west1`$/,
  },
  {
    setting: "phoenix:traffic",
    because: "a revision lacks its region",
    changes: { ...REGIONS, "phoenix:traffic": "phoenix-dev-00007-abc=100" },
    cause: 'names "phoenix-dev-00007-abc" without its region: each region has revisions of its own',
    remedy: /such as europe-west1\/latest=10,europe-west1\/phoenix-dev-00007-abc=90/,
  },
  {
    setting: "phoenix:traffic",
    because: "the service is not in a region",
    changes: { ...REGIONS, "phoenix:traffic": "asia-east1/latest=100" },
    cause: 'names "asia-east1/latest", and the service is not in that region',
    remedy: /gcloud run revisions list --service phoenix-dev --region REGION/,
  },
  {
    setting: "phoenix:traffic",
    because: "it does not add up in one region",
    changes: { ...REGIONS, "phoenix:traffic": "latest=10,us-central1/phoenix-dev-00007-abc=90" },
    cause: 'adds up to 10 percent in "europe-west1", not 100',
    remedy: /phoenix:traffic SHARES`/,
  },
  {
    setting: "phoenix:redeploy",
    because: "Cloud Run takes no such annotation",
    changes: { "phoenix:redeploy": "once more" },
    remedy: /phoenix:redeploy 1`/,
  },
  {
    setting: "phoenix:maxInstance",
    because: "there is no such setting",
    changes: { "phoenix:maxInstance": "3" },
    cause: "is no setting of this program; phoenix:maxInstances is",
    remedy: /pulumi config rm --stack dev phoenix:maxInstance`, and set phoenix:maxInstances/,
  },
  {
    setting: "phoenix:session-lifetime",
    because: "it is written in another way",
    changes: { "phoenix:session-lifetime": "3600" },
    cause: "is no setting of this program; phoenix:sessionLifetime is",
    remedy:
      /pulumi config rm --stack dev phoenix:session-lifetime`, and set phoenix:sessionLifetime/,
  },
  {
    setting: "phoenix:colour",
    because: "there is nothing like it",
    changes: { "phoenix:colour": "red" },
    cause: "is no setting of this program",
    remedy: /pulumi config rm --stack dev phoenix:colour`$/,
  },
  {
    setting: "The stack's name",
    because: "accounts could not be named after it",
    stack: "a-name-that-is-too-long",
    changes: { "gcp:region": "europe-west1" },
    remedy: /pulumi stack rename --stack a-name-that-is-too-long NAME/,
  },
  ...["dev-push", "dev-rotator", "deploy", "preview", "dev-redirect"].map((stack) => ({
    setting: "The stack's name",
    because: `${stack} would take a name of another's`,
    stack,
    changes: { "gcp:region": "europe-west1" },
    cause: `is "${stack}", and phoenix-${stack} is a name of another stack's in the same project`,
    remedy: new RegExp(`pulumi stack rename --stack ${stack} NAME`),
  })),
  {
    setting: "The stack",
    because: "local is never deployed",
    stack: "local",
    changes: {},
    remedy: /npm start/,
  },
];

describe("a configuration is refused", () => {
  test.each(REFUSALS)("for $setting, because $because", (refusal) => {
    const problems = problemsOf(refusal.stack ?? "dev", refusal.changes);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.setting).toBe(refusal.setting);
    expect(problems[0]?.remedy).toMatch(refusal.remedy);
    if (refusal.cause !== undefined) expect(problems[0]?.cause).toBe(refusal.cause);
  });

  test("with remedies for the same stack", () => {
    for (const { stack = "dev", changes } of REFUSALS) {
      for (const { setting, remedy } of problemsOf(stack, changes)) {
        const commands = remedy.match(/npx pulumi (config|stack) [^`]+/g) ?? [];
        for (const command of commands) {
          expect([setting, command]).toEqual([
            setting,
            expect.stringContaining(` --stack ${stack} `),
          ]);
        }
      }
    }
  });

  test("with commands that fix it when copied, or that have a placeholder", () => {
    let copied = 0;
    for (const { stack = "dev", changes } of REFUSALS) {
      const [{ setting = "", remedy = "" } = {}] = problemsOf(stack, changes);
      const [, verb, name = "", value = ""] =
        /`npx pulumi config (set|rm) --stack \S+ (\S+?)(?: (\S+))?`/.exec(remedy) ?? [];
      if (verb === undefined) continue;
      const { [name]: _, ...others } = changes;
      const byDefault = stackConfig("none")[name];
      const mended =
        verb === "set"
          ? { ...others, [name]: value }
          : { ...others, ...(byDefault === undefined ? {} : { [name]: byDefault }) };
      const toFillIn = /(?:^|,)[A-Z]/.test(value);
      // Any text is a valid client ID.
      if (name === "phoenix:oidcClientId" || name.startsWith("--")) continue;
      copied += 1;
      const left = problemsOf(stack, mended).map((problem) => problem.setting);
      expect([remedy, left]).toEqual([remedy, toFillIn ? [setting] : []]);
    }
    expect(copied).toBeGreaterThan(30);
  });

  test("for a number that is out of bounds, with the nearest bound", () => {
    const bounds: Record<string, [number, number]> = {
      "phoenix:sessionLifetime": [60, 34_560_000],
      "phoenix:keyActivationDelay": [61, 86_400],
      "phoenix:keyRefreshInterval": [10, 3600],
      "phoenix:maxInstances": [1, 1000],
      "phoenix:minInstances": [0, 1000],
      "phoenix:concurrency": [1, 1000],
    };
    const anything = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -5, max: 2000 }));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(bounds)), anything, (setting, number) => {
        const [least, most] = bounds[setting] ?? [0, 0];
        fc.pre(number < least || number > most);
        const problems = problemsOf("dev", { [setting]: String(number) });
        expect(problems.map(({ remedy }) => remedy)).toEqual([
          `Run \`npx pulumi config set --stack dev ${setting} ${number < least ? least : most}\``,
        ]);
      }),
    );
  });

  test.each<[what: string, changes: Record<string, string>, setting: string]>([
    [
      "maxInstances",
      { "phoenix:maxInstances": "many", "phoenix:minInstances": "7" },
      "phoenix:maxInstances",
    ],
    [
      "minInstances",
      { "phoenix:minInstances": "a few", "phoenix:maxInstances": "1" },
      "phoenix:minInstances",
    ],
    ["cpu", { "phoenix:cpu": "3", "phoenix:memory": "12Gi" }, "phoenix:cpu"],
    [
      "keyRefreshInterval",
      { "phoenix:keyRefreshInterval": "1m", "phoenix:keyActivationDelay": "61" },
      "phoenix:keyRefreshInterval",
    ],
    [
      "keyActivationDelay",
      { "phoenix:keyActivationDelay": "1h", "phoenix:rotationPeriod": "2h" },
      "phoenix:keyActivationDelay",
    ],
    [
      "logLevel",
      { "phoenix:logLevel": "verbose", "phoenix:alertEmails": "oncall@acme.example" },
      "phoenix:logLevel",
    ],
    ["an entry of traffic", { "phoenix:traffic": "latest=50,some" }, "phoenix:traffic"],
    [
      "a share of traffic",
      { "phoenix:traffic": "latest=50,phoenix-dev-00001-abc=half" },
      "phoenix:traffic",
    ],
  ])("for %s once, without errors that follow from it", (_, changes, setting) => {
    expect(problemsOf("dev", changes).map((problem) => problem.setting)).toEqual([setting]);
  });

  test("with all problems at once, one line each", () => {
    const changes = {
      "gcp:project": "",
      "phoenix:cpu": "3",
      "phoenix:sessionCookieSecure": "false",
    };
    expect(() => parseConfig(valuesOf("prod", changes), "prod")).toThrow(
      /stack prod can't be deployed:\n(.+\n){2}.+\.$/,
    );
  });

  test("before any resource is declared", async () => {
    const evaluated = evaluateStack("dev", { "gcp:project": "" });
    await expect(evaluated).rejects.toThrow("gcp:project is not set.");
  });

  test("if the client secret is in plaintext in the stack's file", () => {
    const signIn = {
      "phoenix:oidcIssuer": "https://accounts.google.com",
      "phoenix:oidcClientId": "id",
      "phoenix:oidcClientSecret": "open-to-see",
    };
    const [problem] = problemsOf("dev", signIn, []);
    expect(problem?.setting).toBe("phoenix:oidcClientSecret");
    expect(JSON.stringify(problem)).not.toContain("open-to-see");
    expect(problemsOf("dev", signIn, ["phoenix:oidcClientSecret"])).toEqual([]);
  });
});

// ASVS 3.3.1
test("only local may run without https, and only on this machine", () => {
  const local = {
    ...stackConfig("local"),
    "phoenix:oidcClientId": "x",
    "phoenix:oidcClientSecret": "x",
  };
  const at = (issuer: string) => parseConfig({ ...local, "phoenix:oidcIssuer": issuer }, "local");
  expect(at("http://127.0.0.1:9000")).toMatchObject({
    service: {
      values: { sessionCookieSecure: false, oidcIssuer: new URL("http://127.0.0.1:9000") },
    },
  });
  expect(() => at("http://id.example")).toThrow(ConfigError);
});

const SHORT_INTERVAL = { "phoenix:keyRefreshInterval": "10" };

test.each([
  [1, 10],
  [300, 10],
  [301, 11],
  [1000, 34],
])(
  "%i instances refresh 19 keys every %i seconds, with at most half the quota",
  (instances, seconds) => {
    const changes = { ...SHORT_INTERVAL, "phoenix:maxInstances": String(instances) };
    expect(parseConfig(valuesOf("dev", changes), "dev").keyRefreshInterval).toBe(seconds);
    // With jitter an instance may be 20 % early: https://cloud.google.com/secret-manager/quotas
    expect((instances * 20 * 60) / (seconds * 0.8)).toBeLessThanOrEqual(90_000 / 2);
  },
);

test("the instances of all regions share the quota", () => {
  const changes = { ...SHORT_INTERVAL, ...REGIONS, "phoenix:maxInstances": "500" };
  expect(parseConfig(valuesOf("dev", changes), "dev").keyRefreshInterval).toBe(34);
});

test("the regions are gcp:region alone, unless more are set; a new region takes an image", () => {
  const regions = (changes: Record<string, string>) =>
    parseConfig(valuesOf("dev", changes), "dev").regions;
  expect(regions({})).toEqual(["europe-west1"]);
  expect(regions({ "phoenix:regions": "europe-west1" })).toEqual(["europe-west1"]);
  expect(regions({ ...REGIONS, "phoenix:regions": "europe-west1, us-east1 , asia-east1" })).toEqual(
    ["europe-west1", "asia-east1", "us-east1"],
  );
  const image = {
    "phoenix:image": `europe-docker.pkg.dev/acme/phoenix/web@sha256:${"a".repeat(64)}`,
  };
  expect(regions({ ...REGIONS, ...image, "phoenix:regions": "europe-west1,us-new1" })).toEqual([
    "europe-west1",
    "us-new1",
  ]);
});

test.each([
  "gcr.io/acme/web",
  "eu.gcr.io/acme/web",
  "europe-docker.pkg.dev/acme/phoenix/web",
  "docker.io/acme/web",
  "acme/web",
  "web:1.2",
])("Cloud Run can read the image %s", (repository) => {
  const image = `${repository}@sha256:${"a".repeat(64)}`;
  expect(parseConfig(valuesOf("dev", { "phoenix:image": image }), "dev").image).toBe(image);
});

test("a longer refresh interval than the setting is reported, and only then", () => {
  const notes = (maxInstances: string) =>
    parseConfig(valuesOf("dev", { ...SHORT_INTERVAL, "phoenix:maxInstances": maxInstances }), "dev")
      .notes;
  expect(notes("300")).toEqual([]);
  expect(notes("1000")).toEqual([
    expect.stringMatching(/every 34 seconds.* 10 .*phoenix:keyRefreshInterval.* 1000 instances/),
  ]);
});

test("regions without a minimum instance are reported, because they don't fail over", () => {
  const notes = (minInstances: string) =>
    parseConfig(valuesOf("dev", { ...REGIONS, "phoenix:minInstances": minInstances }), "dev").notes;
  expect(notes("0")).toEqual([expect.stringMatching(/^phoenix:minInstances is 0: /)]);
  expect(notes("1")).toEqual([]);
});

test("it is reported once, in Pulumi's log", async () => {
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined);
  const config = {
    ...SHORT_INTERVAL,
    "gcp:project": "acme-phoenix",
    "phoenix:maxInstances": "1000",
  };
  await evaluateStack("dev", config);
  const written = log.mock.calls.map((line) => line.join(" "));
  log.mockRestore();
  expect(written).toEqual([expect.stringContaining("phoenix:keyRefreshInterval")]);
});

test.each([
  ["phoenix.acme.example", "phoenix.acme.example"],
  ["Phoenix.ACME.example", "phoenix.acme.example"],
  ["phoenix.müller.example", "phoenix.xn--mller-kva.example"],
  ["phoenix.xn--mller-kva.example", "phoenix.xn--mller-kva.example"],
  ["", undefined],
])("the domain %j becomes %j", (domain, expected) => {
  expect(parseConfig(valuesOf("dev", { "phoenix:domain": domain }), "dev").domain).toBe(expected);
});

test("every accepted domain gives a public URL that the service accepts and browsers can open", () => {
  const text = fc.oneof(
    fc.domain(),
    fc.webAuthority(),
    fc.string(),
    fc.constantFrom("1.2.3.0x4", "0x7f.1", "a.xn--a", "xn--.example", "a..example", "-a.example"),
  );
  fc.assert(
    fc.property(text, (written) => {
      const changes = { "phoenix:domain": written };
      if (problemsOf("dev", changes).length > 0) return;
      const { domain } = parseConfig(valuesOf("dev", changes), "dev");
      if (domain === undefined) return expect(written.trim()).toBe("");
      const checked = publicUrl(`https://${domain}`, { cloudRun: true, environment: "dev" });
      expect(checked).toEqual({ value: new URL(`https://${written.trim()}`) });
    }),
  );
});

test("lists may contain spaces, and traffic contains revisions and latest", () => {
  const config = parseConfig(
    valuesOf("dev", {
      "phoenix:allowedUsers": " ada@acme.example , @acme.example,",
      "phoenix:labels": "team=web, cost-center=42",
      "phoenix:traffic": "latest=10, phoenix-dev-00002-abc=90",
    }),
    "dev",
  );
  expect(config.service.values.allowedUsers).toEqual(["ada@acme.example", "@acme.example"]);
  expect(config.labels).toEqual({
    team: "web",
    "cost-center": "42",
    app: "phoenix",
    environment: "dev",
  });
  expect(config.traffic).toEqual([
    { region: "europe-west1", percent: 10 },
    { region: "europe-west1", revision: "phoenix-dev-00002-abc", percent: 90 },
  ]);
});

test("the service accepts every key timing that the configuration accepts", () => {
  let taken = 0;
  for (let delay = 30; delay < 100; delay += 1) {
    for (const interval of [10, 20, 30]) {
      const settings = {
        "phoenix:maxInstances": "1",
        "phoenix:keyActivationDelay": String(delay),
        "phoenix:keyRefreshInterval": String(interval),
      };
      if (problemsOf("dev", settings).length > 0) continue;
      taken += 1;
      const env = { KEY_ACTIVATION_DELAY: String(delay), KEY_REFRESH_INTERVAL: String(interval) };
      expect([settings, parseKeyLimits(env)]).toEqual([settings, { value: expect.anything() }]);
    }
  }
  expect(taken).toBeGreaterThan(0);
});
