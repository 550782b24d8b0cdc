import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import {
  ALERTS,
  declared,
  fingerprints,
  input,
  ROTATOR,
  SECRET,
  type Selected,
  SIGN_IN,
  variable,
  WEB,
} from "./select.ts";

/** Every optional feature. */
const BASE = { ...SIGN_IN, ...ALERTS, "phoenix:domain": "phoenix.acme.example" };
const BUCKET = "gcp:storage/bucket:Bucket bundles-europe-west1";
const ENDED = "gcp:storage/bucket:Bucket ended-sessions";
const OBJECT = "gcp:storage/bucketObject:BucketObject bundles-europe-west1";
const CLIENT_SECRET = "gcp:secretmanager/secretVersion:SecretVersion oidc-client-secret";
const OLD_KEYS = "gcp:logging/metric:Metric old_keys";
const LIMITS = "gcp:compute/securityPolicy:SecurityPolicy domain";
const PUBLIC = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember web-europe-west1-public";
const CONTAINER = "template.containers.0";
const REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
const IMAGE = `europe-docker.pkg.dev/acme/phoenix/web@sha256:${"a".repeat(64)}`;

interface Effect {
  readonly setting: string;
  readonly value: string;
  /** Resources that change, including new and removed ones; a RegExp matches their names. */
  readonly changes: readonly string[] | RegExp;
  /** Reads the changed value. */
  readonly read: (stack: Selected) => unknown;
  readonly expected: unknown;
}

const MICROSOFT = "https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000/v2.0";

const EFFECTS: readonly Effect[] = [
  {
    setting: "sessionLifetime",
    value: "3600",
    changes: [WEB, ROTATOR],
    read: ({ get }) => [WEB, ROTATOR].map((id) => variable(get(id), "PERMANENT_SESSION_LIFETIME")),
    expected: ["3600", "3600"],
  },
  {
    setting: "logLevel",
    value: "debug",
    changes: [WEB, ROTATOR],
    read: ({ get }) => [WEB, ROTATOR].map((id) => variable(get(id), "LOG_LEVEL")),
    expected: ["debug", "debug"],
  },
  {
    setting: "oidcIssuer",
    value: MICROSOFT,
    changes: [WEB],
    read: ({ get }) => variable(get(WEB), "OIDC_ISSUER"),
    expected: MICROSOFT,
  },
  {
    setting: "oidcTrustedDomains",
    value: "acme.example",
    changes: [WEB],
    read: ({ get }) => variable(get(WEB), "OIDC_TRUSTED_DOMAINS"),
    expected: "acme.example",
  },
  {
    setting: "alsoServedAt",
    value: "www.acme.example",
    changes: [WEB],
    read: ({ get }) => variable(get(WEB), "ALSO_SERVED_AT"),
    expected: "www.acme.example",
  },
  {
    setting: "oidcClientId",
    value: "another",
    changes: [WEB],
    read: ({ get }) => variable(get(WEB), "OIDC_CLIENT_ID"),
    expected: "another",
  },
  {
    setting: "oidcClientSecret",
    value: "another",
    changes: [CLIENT_SECRET],
    read: ({ get }) => get(CLIENT_SECRET).inputs.secretData,
    expected: "another",
  },
  {
    setting: "allowedUsers",
    value: "ada@acme.example",
    changes: [WEB],
    read: ({ get }) => variable(get(WEB), "ALLOWED_USERS"),
    expected: "ada@acme.example",
  },
  {
    setting: "keyActivationDelay",
    value: "3600",
    changes: [WEB, ROTATOR],
    read: ({ get }) => [WEB, ROTATOR].map((id) => variable(get(id), "KEY_ACTIVATION_DELAY")),
    expected: ["3600", "3600"],
  },
  {
    setting: "keyRefreshInterval",
    value: "120",
    changes: [WEB],
    read: ({ get }) => variable(get(WEB), "KEY_REFRESH_INTERVAL"),
    expected: "120",
  },
  {
    setting: "rotationPeriod",
    value: "7d",
    changes: [SECRET, OLD_KEYS],
    read: ({ get }) => input(get(SECRET), "rotation.rotationPeriod"),
    expected: "604800s",
  },
  {
    setting: "domain",
    value: "www.acme.example",
    changes: [
      WEB,
      "gcp:certificatemanager/certificate:Certificate domain",
      "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry domain",
      "gcp:certificatemanager/dnsAuthorization:DnsAuthorization domain",
      "gcp:compute/uRLMap:URLMap domain-redirect",
      "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig uptime",
    ],
    read: ({ get }) => variable(get(WEB), "PUBLIC_URL"),
    expected: "https://www.acme.example",
  },
  {
    setting: "requestsPerMinute",
    value: "120",
    changes: [LIMITS],
    read: ({ get }) => input(get(LIMITS), "rules.0.rateLimitOptions.rateLimitThreshold.count"),
    expected: 120,
  },
  {
    setting: "regions",
    value: "europe-west1,us-central1",
    changes: /us-central1|BackendService |Dashboard |AlertPolicy region-missing/,
    read: ({ get }) =>
      [WEB, ROTATOR, "gcp:cloudrunv2/service:Service web-us-central1"].map(
        (id) => get(id).inputs.location,
      ),
    expected: ["europe-west1", "europe-west1", "us-central1"],
  },
  {
    setting: "endedLocation",
    value: "europe-west1",
    changes: [ENDED],
    read: ({ get }) => get(ENDED).inputs.location,
    expected: "EUROPE-WEST1",
  },
  {
    setting: "endedOutage",
    value: "refuse",
    changes: [WEB],
    read: ({ get }) => variable(get(WEB), "ENDED_OUTAGE"),
    expected: "refuse",
  },
  {
    setting: "secretLocations",
    value: "europe-west4, europe-west1",
    changes: [SECRET, "gcp:secretmanager/secret:Secret oidc-client-secret"],
    read: ({ get }) => get(SECRET).inputs.replication,
    expected: {
      userManaged: { replicas: [{ location: "europe-west1" }, { location: "europe-west4" }] },
    },
  },
  {
    setting: "redeploy",
    value: "2",
    changes: [WEB],
    read: ({ get }) => input(get(WEB), "template.annotations"),
    expected: { redeploy: "2" },
  },
  {
    setting: "publicAccess",
    value: "allUsers",
    changes: [WEB, PUBLIC],
    read: ({ get }) => [get(WEB).inputs.invokerIamDisabled, get(PUBLIC).inputs.member],
    expected: [false, "allUsers"],
  },
  {
    setting: "minInstances",
    value: "2",
    changes: [WEB],
    read: ({ get }) => input(get(WEB), "scaling.minInstanceCount"),
    expected: 2,
  },
  {
    setting: "maxInstances",
    value: "30",
    changes: [WEB],
    read: ({ get }) => [
      input(get(WEB), "scaling.maxInstanceCount"),
      input(get(WEB), "template.scaling.maxInstanceCount"),
    ],
    expected: [30, 30],
  },
  {
    setting: "concurrency",
    value: "40",
    changes: [WEB],
    read: ({ get }) => input(get(WEB), "template.maxInstanceRequestConcurrency"),
    expected: 40,
  },
  {
    setting: "cpu",
    value: "2",
    changes: [WEB],
    read: ({ get }) => input(get(WEB), `${CONTAINER}.resources.limits.cpu`),
    expected: "2",
  },
  {
    setting: "memory",
    value: "1Gi",
    changes: [WEB],
    read: ({ get }) => input(get(WEB), `${CONTAINER}.resources.limits.memory`),
    expected: "1Gi",
  },
  {
    setting: "baseImage",
    value: "google-24/runtimes/nodejs24",
    changes: [WEB, ROTATOR],
    read: ({ get }) => input(get(WEB), `${CONTAINER}.baseImageUri`),
    expected: "europe-west1-docker.pkg.dev/serverless-runtimes/google-24/runtimes/nodejs24",
  },
  {
    setting: "image",
    value: IMAGE,
    changes: [WEB, ROTATOR, OBJECT],
    read: ({ get }) => input(get(WEB), `${CONTAINER}.image`),
    expected: IMAGE,
  },
  {
    setting: "traffic",
    value: "phoenix-prod-00001-abc=100",
    changes: [WEB],
    read: ({ get }) => get(WEB).inputs.traffics,
    expected: [{ type: REVISION, revision: "phoenix-prod-00001-abc", percent: 100 }],
  },
  {
    setting: "labels",
    value: "team=web",
    changes:
      /Bucket |Secret |Topic |Subscription |cloudrunv2\/service:|NotificationChannel |AlertPolicy |Uptime|gcp:certificatemanager|SecurityPolicy |GlobalAddress |ForwardingRule /,
    read: ({ get }) => get(SECRET).inputs.labels,
    expected: { team: "web", app: "phoenix", environment: "prod" },
  },
  {
    setting: "alertEmails",
    value: "ada@acme.example",
    changes: /AlertPolicy |NotificationChannel oncall@acme.example/,
    read: ({ ofType }) =>
      ofType("gcp:monitoring/notificationChannel:NotificationChannel").map(({ name }) => name),
    expected: ["ada@acme.example"],
  },
  {
    setting: "alertChannels",
    value: "projects/acme/notificationChannels/1",
    changes: /AlertPolicy /,
    read: ({ ofType }) =>
      ofType("gcp:monitoring/alertPolicy:AlertPolicy")[0]?.inputs.notificationChannels,
    expected: [
      "oncall@acme.example-id",
      "ada@acme.example-id",
      "projects/acme/notificationChannels/1",
    ],
  },
  {
    setting: "deletionProtection",
    value: "false",
    changes: [WEB, SECRET, BUCKET, ENDED],
    read: ({ get }) => [WEB, SECRET, BUCKET, ENDED].map((id) => get(id).options.protect),
    expected: [false, false, false, false],
  },
];

describe("a setting changes exactly its resources", () => {
  let before: Map<string, string>;
  beforeAll(async () => {
    before = fingerprints(await declared("prod", BASE));
  });

  test.each(EFFECTS)("$setting", async ({ setting, value, changes, read, expected }) => {
    const stack = await declared("prod", { ...BASE, [`phoenix:${setting}`]: value }, {});
    const after = fingerprints(stack);
    const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
      (id) => before.get(id) !== after.get(id),
    );
    const named =
      changes instanceof RegExp
        ? [...new Set([...before.keys(), ...after.keys()])].filter((id) => changes.test(id))
        : changes;
    expect(changed.toSorted()).toEqual([...named].toSorted());
    expect(read(stack)).toEqual(expected);
  });

  test("every setting is tested here, except the one that has only one valid value in a deployment", () => {
    const file = readFileSync(join(import.meta.dirname, "../../Pulumi.yaml"), "utf8");
    const settings = Object.keys(parse(file).config);
    expect(EFFECTS.map(({ setting }) => setting).toSorted()).toEqual(
      settings.filter((name) => name !== "sessionCookieSecure").toSorted(),
    );
  });
});

test("only secretLocations changes name, location or replication of the resources that keep sessions or secrets", async () => {
  const fixed = ({ get }: Selected) =>
    [SECRET, "gcp:secretmanager/secret:Secret oidc-client-secret"].map((id) => {
      const { project, secretId, replication } = get(id).inputs;
      return { project, secretId, replication };
    });
  const original = fixed(await declared("prod", BASE));
  const all = Object.fromEntries(
    // Of the others, some refuse several regions.
    EFFECTS.filter(({ setting }) => setting !== "secretLocations" && setting !== "regions").map(
      ({ setting, value }) => [`phoenix:${setting}`, value],
    ),
  );
  const config = { ...BASE, ...all, "gcp:region": "us-central1" };
  expect(fixed(await declared("prod", config))).toEqual(original);
});
