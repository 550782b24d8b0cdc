import { expect, jest, test } from "@jest/globals";
import { PROGRAM_ENVIRONMENT } from "../../../service/contract/environment.ts";
import { ALL_SETTINGS } from "../../../service/contract/serviceSettings.ts";
import { declared, environmentOf, input, SECRET, SIGN_IN, variable, WEB } from "../select.ts";

test("SESSION_COOKIE_SECURE is true in dev and prod, and false in local", async () => {
  const secure = async (stack: "dev" | "prod" | "local") =>
    variable((await declared(stack)).get(WEB), "SESSION_COOKIE_SECURE");
  expect([await secure("dev"), await secure("prod"), await secure("local")]).toEqual([
    "true",
    "true",
    "false",
  ]);
});

test("the environment has the contract's variables", async () => {
  const stack = await declared("prod", {
    ...SIGN_IN,
    "phoenix:oidcTrustedDomains": "acme.example",
    "phoenix:alsoServedAt": "www.acme.example",
  });
  const names = environmentOf(stack.get(WEB)).map(({ name }) => name);
  const settings = ALL_SETTINGS.filter(([, { readBy }]) => readBy.includes("web"));
  expect(names.toSorted()).toEqual(
    [...PROGRAM_ENVIRONMENT.web, ...settings.map(([, { variable }]) => variable)].toSorted(),
  );
});

test("the environment has the configured values", async () => {
  // This many instances need a longer refresh interval, which Pulumi's log reports.
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined);
  const { get } = await declared("prod", {
    ...SIGN_IN,
    "phoenix:sessionLifetime": "3600",
    "phoenix:keyActivationDelay": "900",
    "phoenix:maxInstances": "1000",
    "phoenix:keyRefreshInterval": "10",
    "phoenix:allowedUsers": "ada@acme.example, @acme.example",
  });
  log.mockRestore();
  expect(
    Object.fromEntries(environmentOf(get(WEB)).map(({ name, value }) => [name, value])),
  ).toEqual({
    ENVIRONMENT: "prod",
    ENDED_OUTAGE: "continue",
    ENDED_SESSIONS: "gs://acme-phoenix-phoenix-prod-ended",
    GOOGLE_CLOUD_PROJECT: "acme-phoenix",
    LOG_LEVEL: "info",
    SECRET_KEY: "sm://acme-phoenix/phoenix-prod-SECRET_KEY",
    PUBLIC_URL: "https://phoenix-prod-123456789012.europe-west1.run.app",
    TRUSTED_PROXIES: "1",
    SESSION_COOKIE_SECURE: "true",
    PERMANENT_SESSION_LIFETIME: "3600",
    OIDC_ISSUER: "https://accounts.google.com",
    OIDC_CLIENT_ID: "client-id",
    OIDC_CLIENT_SECRET: undefined,
    ALLOWED_USERS: "ada@acme.example,@acme.example",
    KEY_ACTIVATION_DELAY: "900",
    KEY_REFRESH_INTERVAL: "34",
  });
});

test("without sign-in no resource of it is declared", async () => {
  const { get, has } = await declared("dev");
  const names = environmentOf(get(WEB)).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith("OIDC"))).toEqual([]);
  expect(has("gcp:secretmanager/secret:Secret oidc-client-secret")).toBe(false);
});

test("the client secret is a version of its own secret", async () => {
  const { get, before } = await declared("prod", SIGN_IN);
  const own = environmentOf(get(WEB)).find(({ name }) => name === "OIDC_CLIENT_SECRET");
  expect(own).toEqual({
    name: "OIDC_CLIENT_SECRET",
    valueSource: {
      secretKeyRef: { secret: "phoenix-prod-OIDC_CLIENT_SECRET", version: "1" },
    },
  });
  const version = get("gcp:secretmanager/secretVersion:SecretVersion oidc-client-secret");
  expect(version.secretInputs).toEqual(["secretData"]);
  expect(version.inputs.deletionPolicy).toBe("ABANDON");
  expect(before(WEB)).toContain(
    "gcp:secretmanager/secretIamMember:SecretIamMember oidc-client-secret-reader",
  );
});

test("the bundle runs on Google's base image of its region, without an image or a launch stage of its own", async () => {
  const { get } = await declared("dev", { "gcp:region": "us-central1" });
  const web = get("gcp:cloudrunv2/service:Service web-us-central1");
  expect(input(web, "template.containers.0")).toMatchObject({
    image: "scratch",
    baseImageUri: "us-central1-docker.pkg.dev/serverless-runtimes/google-24-full/runtimes/nodejs24",
    commands: ["node"],
    args: ["--min-semi-space-size=4", "--max-semi-space-size=4", "index.js"],
    sourceCode: {
      cloudStorageSource: {
        bucket: "phoenix-dev-bundles-us-central1-342abdb1",
        object: `${"0".repeat(64)}.tar.gz`,
        generation: "1700000000000000",
      },
    },
  });
  expect(web.inputs).not.toHaveProperty("launchStage");
});

test("an image is deployed by its digest in place of the bundle, and earlier bundles stay", async () => {
  const image = `europe-docker.pkg.dev/acme/phoenix/web@sha256:${"a".repeat(64)}`;
  const buildArchive = () => {
    throw new Error("No archive is needed.");
  };
  const { get, has, outputs } = await declared(
    "prod",
    { "phoenix:image": image },
    { buildArchive },
  );
  const container = input(get(WEB), "template.containers.0");
  expect(container).toMatchObject({
    image,
    args: ["--min-semi-space-size=4", "--max-semi-space-size=4", "index.js"],
  });
  expect(container).not.toHaveProperty("commands");
  expect(container).not.toHaveProperty("baseImageUri");
  expect(container).not.toHaveProperty("sourceCode");
  expect(has("gcp:storage/bucketObject:BucketObject bundles-europe-west1")).toBe(false);
  expect(has("gcp:storage/bucket:Bucket bundles-europe-west1")).toBe(true);
  expect(outputs.release).toBe(image);
});

test("billing is by request, and a revision gets traffic only once it has read the keys", async () => {
  const { get } = await declared("dev", { "phoenix:cpu": "2", "phoenix:memory": "1Gi" });
  expect(input(get(WEB), "template.containers.0")).toMatchObject({
    resources: { limits: { cpu: "2", memory: "1Gi" }, cpuIdle: true, startupCpuBoost: true },
    startupProbe: { httpGet: { path: "/health/ready" }, periodSeconds: 1 },
    livenessProbe: { httpGet: { path: "/health/live" } },
  });
});

test("the instances' size and number are configurable", async () => {
  const { get } = await declared("dev", {
    "phoenix:minInstances": "2",
    "phoenix:maxInstances": "7",
    "phoenix:concurrency": "33",
  });
  expect(get(WEB).inputs.scaling).toEqual({ minInstanceCount: 2, maxInstanceCount: 7 });
  expect(input(get(WEB), "template")).toMatchObject({
    // A revision without traffic keeps no instance.
    scaling: { minInstanceCount: 0, maxInstanceCount: 7 },
    maxInstanceRequestConcurrency: 33,
  });
});

test("prod has a minimum instance", async () => {
  const { get } = await declared("prod");
  expect(input(get(WEB), "scaling.minInstanceCount")).toBe(1);
});

test("the service depends on its API, its grants and the first key", async () => {
  const { before } = await declared("prod");
  expect([...before(WEB)]).toEqual(
    expect.arrayContaining([
      "gcp:projects/service:Service run",
      "gcp:projects/service:Service iam",
      "gcp:projects/service:Service storage",
      "gcp:projects/service:Service secretmanager",
      "gcp:secretmanager/secretIamMember:SecretIamMember web-secretAccessor",
      "gcp:secretmanager/secretIamMember:SecretIamMember web-viewer",
      SECRET,
    ]),
  );
});

test("the service can't be deleted in prod, neither by Pulumi nor by the provider", async () => {
  const guards = async (stack: "dev" | "prod") => {
    const { inputs, options } = (await declared(stack)).get(WEB);
    return [inputs.deletionProtection, options.protect];
  };
  expect(await guards("prod")).toEqual([true, true]);
  expect(await guards("dev")).toEqual([false, false]);
});

test("it runs as its own account, never as the project's default", async () => {
  const { get } = await declared("prod");
  expect(input(get(WEB), "template.serviceAccount")).toBe(
    "phoenix-prod@acme-phoenix.iam.gserviceaccount.com",
  );
});

const LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";
const REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";

test.each([
  ["", [{ type: LATEST, percent: 100 }]],
  [
    "phoenix-prod-00007-abc=100",
    [{ type: REVISION, revision: "phoenix-prod-00007-abc", percent: 100 }],
  ],
  [
    "latest=10,phoenix-prod-00007-abc=90",
    [
      { type: LATEST, percent: 10 },
      { type: REVISION, revision: "phoenix-prod-00007-abc", percent: 90 },
    ],
  ],
])("the traffic %j is declared", async (traffic, expected) => {
  const { get } = await declared("prod", { "phoenix:traffic": traffic });
  expect(get(WEB).inputs.traffics).toEqual(expected);
});

test("labels are on the service and its revisions", async () => {
  const { get } = await declared("prod", { "phoenix:labels": "team=web" });
  const labels = { team: "web", app: "phoenix", environment: "prod" };
  expect(get(WEB).inputs.labels).toEqual(labels);
  expect(input(get(WEB), "template.labels")).toEqual(labels);
});

test("the outputs contain the URLs and revisions", async () => {
  const { outputs } = await declared("prod");
  expect(outputs).toEqual({
    address: "",
    dnsRecords: "",
    endedSessions: "gs://acme-phoenix-phoenix-prod-ended",
    oidcIssuer: "",
    url: "https://phoenix-prod-123456789012.europe-west1.run.app",
    signInRedirectUri: "https://phoenix-prod-123456789012.europe-west1.run.app/login/callback",
    postLogoutRedirectUri: "https://phoenix-prod-123456789012.europe-west1.run.app/signed-out",
    secretKey: "sm://acme-phoenix/phoenix-prod-SECRET_KEY",
    keyPolicy: { activationDelay: 1800, refreshInterval: 60, sessionLifetime: 604_800 },
    release: `sha256:${"0".repeat(64)}`,
    service: "phoenix-prod",
    revisions: ["europe-west1/phoenix-prod-00001-abc"],
  });
});

test("components are the parents of their resources", async () => {
  const { resources } = await declared("prod", SIGN_IN);
  const parents = Object.fromEntries(
    resources
      .filter(({ type }) => type.startsWith("gcp:"))
      .map(({ type, name, options }) => [`${type} ${name}`, options.parent.split("$").at(-1)]),
  );
  expect(parents[WEB]).toBe("infra:web:WebService::web-europe-west1");
  expect(parents[SECRET]).toBe("infra:keys:SessionKey::session-key");
  expect(Object.values(parents).filter((parent) => parent?.startsWith("pulumi:"))).toEqual([]);
});

test("the startup probe allows for the propagation of grants", async () => {
  const { get } = await declared("prod");
  const probe = input(get(WEB), "template.containers.0.startupProbe") as Record<string, number>;
  const { periodSeconds = 0, timeoutSeconds = 0, failureThreshold = 0 } = probe;
  expect(timeoutSeconds).toBeLessThanOrEqual(periodSeconds);
  expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(180);
  expect(periodSeconds * failureThreshold).toBeLessThanOrEqual(240);
});

test("no probe's path ends in z, because Google reserves such paths", async () => {
  const { ofType } = await declared("prod");
  const probes = ofType("gcp:cloudrunv2/service:Service").flatMap((service) =>
    ["startupProbe", "livenessProbe"].map((probe) =>
      input(service, `template.containers.0.${probe}.httpGet.path`),
    ),
  );
  expect(probes).toHaveLength(4);
  for (const path of probes) expect(path).toMatch(/^\/health\/[a-z]+[^z]$/);
});
