import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { readStackKeys } from "../../infra/commands/rotate/stackOutputs.ts";
import type { DeclaredOptions } from "../support/declaredStack.ts";
import { withoutZeros } from "../support/googleJson.ts";
import { ALERTS, DEPLOYED, declared, idOf, SECRET, SIGN_IN, WEB } from "./select.ts";

const BUCKET = "gcp:storage/bucket:Bucket bundles-europe-west1";
const ENDED = "gcp:storage/bucket:Bucket ended-sessions";
const ALL = { ...SIGN_IN, ...ALERTS, "phoenix:domain": "phoenix.acme.example" };

test("each resource depends on its enabled API", async () => {
  const { resources, before } = await declared("prod", ALL);
  const apis: Record<string, string> = {
    certificatemanager: "certificatemanager",
    cloudrunv2: "run",
    compute: "compute",
    logging: "logging",
    monitoring: "monitoring",
    pubsub: "pubsub",
    secretmanager: "secretmanager",
    serviceaccount: "iam",
    storage: "storage",
  };
  for (const resource of resources) {
    const [, module = ""] = /^gcp:(\w+)\//.exec(resource.type) ?? [];
    const api = apis[module];
    if (api === undefined) continue;
    expect([idOf(resource), [...before(idOf(resource))]]).toEqual([
      idOf(resource),
      expect.arrayContaining([`gcp:projects/service:Service ${api}`]),
    ]);
  }
});

test("APIs stay enabled when the stack is destroyed, because others in the project may use them", async () => {
  const { ofType } = await declared("dev");
  for (const api of ofType("gcp:projects/service:Service")) {
    expect(api.inputs.disableOnDestroy).toBe(false);
  }
});

// ASVS 13.3.1
test("no value of a secret is in an output, a plaintext input or the log", async () => {
  const written: string[] = [];
  const spies = (["log", "info", "warn", "error"] as const).map((method) =>
    jest.spyOn(console, method).mockImplementation((...args) => {
      written.push(args.map(String).join(" "));
    }),
  );
  const { outputs, resources } = await declared("prod", ALL, {});
  for (const spy of spies) spy.mockRestore();
  const open = resources.map(({ inputs, secretInputs, ...rest }) => ({
    ...rest,
    inputs: Object.fromEntries(
      Object.entries(inputs).filter(([key]) => !secretInputs.includes(key)),
    ),
  }));
  const everything = JSON.stringify([open, outputs, written]);
  expect(everything).not.toContain(SIGN_IN["phoenix:oidcClientSecret"]);
  expect(
    resources.filter(({ secretInputs }) => secretInputs.length > 0).map(({ name }) => name),
  ).toEqual(["oidc-client-secret"]);
});

test("evaluating a stack twice gives the same resources, except for times", async () => {
  const fingerprint = async () => {
    const { resources } = await declared("prod", ALL, {});
    return resources
      .map((resource) => JSON.stringify(resource))
      .map((text) => text.replace(/"nextRotationTime":"[^"]+"/g, ""))
      .toSorted();
  };
  expect(await fingerprint()).toEqual(await fingerprint());
});

test("the outputs contain the secret to rotate and the service's key settings", async () => {
  const { outputs } = await declared("prod", {
    "phoenix:keyActivationDelay": "900",
    "phoenix:keyRefreshInterval": "45",
    "phoenix:sessionLifetime": "86400",
  });
  const stdout = JSON.stringify(outputs);
  const keys = await readStackKeys("prod", async () => ({ status: 0, stdout, stderr: "" }));
  expect(keys).toEqual({
    secret: { project: "acme-phoenix", name: expect.stringContaining("SECRET_KEY") },
    settings: {
      KEY_ACTIVATION_DELAY: "900",
      KEY_REFRESH_INTERVAL: "45",
      PERMANENT_SESSION_LIFETIME: "86400",
    },
  });
});

test("the output revisions has names that the setting traffic accepts", async () => {
  const { outputs } = await declared("prod");
  expect(outputs.revisions).toEqual(["europe-west1/phoenix-prod-00001-abc"]);
  const { get } = await declared("prod", { "phoenix:traffic": `${outputs.revisions}=100` });
  expect(get(WEB).inputs.traffics).toMatchObject([{ revision: "phoenix-prod-00001-abc" }]);
});

test("no JSON input has a zero value, which Google's response would omit", async () => {
  const { resources } = await declared("prod", ALL);
  const texts = resources
    .flatMap(({ inputs }) => Object.values(inputs))
    .filter((value) => typeof value === "string" && value.startsWith("{"));
  expect(texts.length).toBeGreaterThan(0);
  for (const text of texts) {
    const sent: unknown = JSON.parse(String(text));
    expect(withoutZeros(sent)).toEqual(sent);
  }
});

test("every output of the program is exported to Pulumi", async () => {
  const index = readFileSync(join(import.meta.dirname, "../../infra/index.ts"), "utf8");
  const [, exported = ""] = /export const \{([^}]*)\}/.exec(index) ?? [];
  const { outputs } = await declared("prod", ALL);
  const names = exported.split(",").map((name) => name.trim());
  expect(names.filter(Boolean)).toEqual(Object.keys(outputs));
});

test("every resource that supports labels has them", async () => {
  const { resources } = await declared("prod", { ...ALL, "phoenix:labels": "team=web" });
  const labelled = resources.filter(({ inputs }) => "labels" in inputs || "userLabels" in inputs);
  for (const { name, inputs, type } of labelled) {
    const labels = type.includes("notificationChannel")
      ? inputs.userLabels
      : (inputs.userLabels ?? inputs.labels);
    expect([name, labels]).toEqual([name, { team: "web", app: "phoenix", environment: "prod" }]);
  }
  expect(labelled.length).toBeGreaterThan(10);
});

test("local declares the same things as any other stack", async () => {
  const config = {
    ...ALL,
    "phoenix:rotationPeriod": "30d",
    "phoenix:publicAccess": "invokerIamDisabled",
  };
  const local = await declared("local", config);
  const prod = await declared("prod", { ...DEPLOYED, ...config });
  const ids = (stack: typeof local) =>
    stack.resources
      .filter(({ custom }) => custom)
      .map(idOf)
      .toSorted();
  expect(ids(local)).toEqual(ids(prod));
});

test("exactly these resources are protected, retained, or ignore changes", async () => {
  const prod = await declared("prod", ALL);
  const dev = await declared("dev");
  const having = ({ resources }: typeof prod, option: (options: DeclaredOptions) => unknown) =>
    resources
      .filter(({ options }) => option(options))
      .map(idOf)
      .toSorted();
  expect(having(prod, ({ protect }) => protect)).toEqual([WEB, SECRET, BUCKET, ENDED].toSorted());
  expect(having(dev, ({ protect }) => protect)).toEqual([]);
  expect(having(prod, ({ retainOnDelete }) => retainOnDelete)).toEqual([
    "gcp:storage/bucketObject:BucketObject bundles-europe-west1",
  ]);
  expect(having(prod, ({ ignoreChanges }) => ignoreChanges.length > 0)).toEqual([SECRET]);
});

test("the web service's hooks add the first key and wait for its grant", async () => {
  const { resources } = await declared("prod", ALL);
  const hooked = resources.filter(({ options }) => options.hooks.length > 0);
  expect(Object.fromEntries(hooked.map((each) => [idOf(each), each.options.hooks]))).toEqual({
    [WEB]: ["beforeCreate first-version", "beforeUpdate first-version"],
    "gcp:secretmanager/secretIamMember:SecretIamMember oidc-client-secret-reader": [
      "afterCreate grant-propagation",
    ],
  });
});

test("each resource belongs to the right component", async () => {
  const { resources } = await declared("prod", ALL);
  const owners = new Map<string, Set<string>>();
  for (const { type, options } of resources.filter(({ custom }) => custom)) {
    // urn:pulumi:STACK::PROJECT::TYPE_OF_GRANDPARENT$TYPE::NAME
    const owner = options.parent.split("::")[2]?.split("$").at(-1)?.split(":")[2] ?? "";
    owners.set(owner, (owners.get(owner) ?? new Set()).add(type.split(":")[2] ?? ""));
  }
  const table = Object.fromEntries([...owners].map(([owner, types]) => [owner, [...types].sort()]));
  expect(table).toEqual({
    Apis: ["Service"],
    ServiceBundle: ["Bucket", "BucketObject"],
    RotationTopic: ["ServiceIdentity", "Topic", "TopicIAMMember"],
    EndedSessions: ["Bucket", "BucketIAMMember"],
    SessionKey: ["Secret", "SecretIamMember"],
    WebAccount: ["Account"],
    WebService: ["Service"],
    LoadBalancer: [
      "BackendService",
      "GlobalAddress",
      "GlobalForwardingRule",
      "RegionNetworkEndpointGroup",
      "SSLPolicy",
      "SecurityPolicy",
      "TargetHttpProxy",
      "TargetHttpsProxy",
      "URLMap",
    ],
    DomainCertificate: ["Certificate", "CertificateMap", "CertificateMapEntry", "DnsAuthorization"],
    ClientSecret: ["Secret", "SecretIamMember", "SecretVersion"],
    KeyRotator: [
      "Account",
      "IAMMember",
      "Service",
      "ServiceIamMember",
      "ServiceIdentity",
      "Subscription",
    ],
    DeadLetters: ["Subscription", "SubscriptionIAMMember", "Topic", "TopicIAMMember"],
    LogMetrics: ["Metric"],
    Monitoring: ["Dashboard"],
    Alerts: ["AlertPolicy", "NotificationChannel", "UptimeCheckConfig"],
  });
});
