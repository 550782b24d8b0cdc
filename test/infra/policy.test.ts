import { describe, expect, test } from "@jest/globals";
import { KNOWN_LATER, known } from "../../infra/policy/known.ts";
import { RULES } from "../../infra/policy/rules.ts";
import type { DeclaredResource } from "../support/declaredStack.ts";
import { ALERTS, declared, environmentOf, SECRET, SIGN_IN, WEB } from "./select.ts";

function violations(stack: string, resources: readonly DeclaredResource[]): string[] {
  return resources.flatMap(({ type, name, inputs }) =>
    RULES.flatMap((rule) =>
      rule
        .violations({ type, name, inputs, stack, product: "phoenix" })
        .map((each) => `${rule.name}: ${name} ${each}`),
    ),
  );
}

const DOMAIN = { "phoenix:domain": "phoenix.acme.example" };

test.each([
  ["dev", {}],
  ["dev", DOMAIN],
  ["prod", {}],
  ["prod", DOMAIN],
  ["local", {}],
  ["local", DOMAIN],
  ["prod", { ...DOMAIN, "phoenix:regions": "europe-west1,us-central1" }],
] as const)("%s with %j satisfies every rule", async (stack, domain) => {
  const { resources } = await declared(stack, {
    ...SIGN_IN,
    ...ALERTS,
    ...domain,
    "phoenix:rotationPeriod": "30d",
  });
  expect(violations(stack, resources)).toEqual([]);
});

test.each(["dev", "prod"] as const)(
  "the web service of %s may be called by allUsers",
  async (stack) => {
    const { resources } = await declared(stack, {
      "phoenix:publicAccess": "allUsers",
      "phoenix:rotationPeriod": "30d",
    });
    expect(violations(stack, resources)).toEqual([]);
  },
);

describe("a rule is broken by", () => {
  interface Breach {
    readonly breach: string;
    readonly id: string;
    readonly inputs: (inputs: DeclaredResource["inputs"]) => object;
    readonly expected: string;
  }
  // biome-ignore lint/suspicious/noExplicitAny: these reach into inputs of many shapes.
  const template = (inputs: any, change: object) => ({
    template: { ...inputs.template, ...change },
  });
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  const container = (inputs: any, change: object) =>
    template(inputs, { containers: [{ ...inputs.template.containers[0], ...change }] });
  const BUCKET = "gcp:storage/bucket:Bucket bundles-europe-west1";
  const PUSH = "gcp:pubsub/subscription:Subscription rotator";
  const ROTATOR = "gcp:cloudrunv2/service:Service rotator";
  const VIEWER = "gcp:secretmanager/secretIamMember:SecretIamMember web-viewer";
  const VERSION = "gcp:secretmanager/secretVersion:SecretVersion oidc-client-secret";

  test.each<Breach>([
    {
      breach: "a bucket that can be made public",
      id: BUCKET,
      inputs: () => ({ publicAccessPrevention: "inherited" }),
      expected: "private-buckets: bundles-europe-west1 can be made public",
    },
    {
      breach: "a list of the ended that is kept for ever",
      id: "gcp:storage/bucket:Bucket ended-sessions",
      inputs: () => ({ lifecycleRules: [] }),
      expected: "ended-sessions-expire: ended-sessions never deletes objects",
    },
    {
      breach: "a list of the ended that forgets by age",
      id: "gcp:storage/bucket:Bucket ended-sessions",
      inputs: () => ({
        lifecycleRules: [{ action: { type: "Delete" }, condition: { age: 7 } }],
      }),
      expected:
        "ended-sessions-expire: ended-sessions deletes objects by another condition than their custom time",
    },
    {
      breach: "a secret of prod that can be deleted",
      id: SECRET,
      inputs: () => ({ deletionProtection: false }),
      expected: "secrets-are-kept: session-key can be deleted in prod",
    },
    {
      breach: "a secret whose versions are destroyed at once",
      id: SECRET,
      inputs: () => ({ versionDestroyTtl: undefined }),
      expected: "secrets-are-kept: session-key loses a destroyed version in less than a week",
    },
    {
      breach: "a version that goes with its resource",
      id: VERSION,
      inputs: () => ({ deletionPolicy: "DELETE" }),
      expected:
        "versions-are-left-alone: oidc-client-secret is destroyed when Pulumi deletes the resource",
    },
    {
      breach: "a basic role",
      id: VIEWER,
      inputs: () => ({ role: "roles/editor" }),
      expected: "grants-on-single-resources: web-viewer grants the basic role roles/editor",
    },
    {
      breach: "a secret that all the world may see",
      id: VIEWER,
      inputs: () => ({ member: "allUsers" }),
      expected: "public-only-by-invocation: web-viewer gives allUsers roles/secretmanager.viewer",
    },
    {
      breach: "a list of members with all the world among them",
      id: VIEWER,
      inputs: () => ({ member: undefined, members: ["user:ada@example.com", "allUsers"] }),
      expected: "public-only-by-invocation: web-viewer gives allUsers roles/secretmanager.viewer",
    },
    {
      breach: "a rotator that all the world may call",
      id: "gcp:cloudrunv2/serviceIamMember:ServiceIamMember rotator-invoker",
      inputs: () => ({ member: "allUsers" }),
      expected: "public-only-by-invocation: rotator-invoker gives allUsers roles/run.invoker",
    },
    {
      breach: "a rotator without the check of who calls it",
      id: ROTATOR,
      inputs: () => ({ invokerIamDisabled: true }),
      expected: "only-the-web-service-is-reachable: rotator can be called without authentication",
    },
    {
      breach: "a rotator that can be reached from outside",
      id: ROTATOR,
      inputs: () => ({ ingress: "INGRESS_TRAFFIC_ALL" }),
      expected: "only-the-web-service-is-reachable: rotator can be reached from outside",
    },
    {
      breach: "a rotator that says nothing of where it can be reached from",
      id: ROTATOR,
      inputs: () => ({ ingress: undefined }),
      expected: "only-the-web-service-is-reachable: rotator can be reached from outside",
    },
    {
      breach: "the default account",
      id: WEB,
      inputs: (inputs) => template(inputs, { serviceAccount: undefined }),
      expected:
        "services-run-as-themselves: web-europe-west1 runs as the project's default account",
    },
    {
      breach: "instances that cost without requests",
      id: WEB,
      inputs: (inputs) => container(inputs, { resources: { limits: {} } }),
      expected: "services-run-as-themselves: web-europe-west1 pays for instances without requests",
    },
    {
      breach: "an image by its tag",
      id: WEB,
      inputs: (inputs) => container(inputs, { image: "europe-docker.pkg.dev/a/b/c:latest" }),
      expected: "services-run-as-themselves: web-europe-west1 runs an image without a digest",
    },
    {
      breach: "a domain that can be passed by",
      id: WEB,
      inputs: () => ({ ingress: "INGRESS_TRAFFIC_ALL" }),
      expected:
        "a-domain-is-the-only-way-in: web-europe-west1 can be reached past its load balancer",
    },
    {
      breach: "a domain beside Cloud Run's own address",
      id: WEB,
      inputs: () => ({ defaultUriDisabled: undefined }),
      expected: "a-domain-is-the-only-way-in: web-europe-west1 answers at Cloud Run's own address",
    },
    {
      breach: "a region that can't be failed over",
      id: WEB,
      inputs: (inputs) => container(inputs, { readinessProbe: undefined }),
      expected: "regions-fail-over: web-europe-west1 has no readiness probe",
    },
    {
      breach: "a region that is failed over because of keys that are the same everywhere",
      id: WEB,
      inputs: (inputs) =>
        container(inputs, { readinessProbe: { httpGet: { path: "/health/ready" } } }),
      expected:
        "regions-fail-over: web-europe-west1 fails over when the keys can't be read, which affects all regions",
    },
    {
      breach: "a backend without limits",
      id: "gcp:compute/backendService:BackendService domain",
      inputs: () => ({ securityPolicy: undefined }),
      expected: "load-balancers-limit-and-log: domain has no security policy",
    },
    {
      breach: "a backend without a log",
      id: "gcp:compute/backendService:BackendService domain",
      inputs: () => ({ logConfig: {} }),
      expected: "load-balancers-limit-and-log: domain has no log",
    },
    {
      breach: "a security policy that lets everything through",
      id: "gcp:compute/securityPolicy:SecurityPolicy domain",
      inputs: () => ({ rules: [{ priority: 2_147_483_647, action: "allow" }] }),
      expected: "load-balancers-limit-and-log: domain has no limit for requests",
    },
    {
      breach: "a proxy with Google's default of TLS",
      id: "gcp:compute/targetHttpsProxy:TargetHttpsProxy domain",
      inputs: () => ({ sslPolicy: undefined }),
      expected: "tls-is-current: domain accepts every version of TLS",
    },
    {
      breach: "old TLS",
      id: "gcp:compute/sSLPolicy:SSLPolicy domain",
      inputs: () => ({ minTlsVersion: "TLS_1_1" }),
      expected: "tls-is-current: domain accepts TLS before 1.2",
    },
    {
      breach: "no warm instance in prod",
      id: WEB,
      inputs: () => ({ scaling: { minInstanceCount: 0 } }),
      expected: "prod-is-guarded: web-europe-west1 has no warm instance in prod",
    },
    {
      breach: "a push without a token",
      id: PUSH,
      inputs: () => ({ pushConfig: { pushEndpoint: "https://example.com" } }),
      expected: "subscriptions-last: rotator pushes without a token",
    },
    {
      breach: "a subscription that expires",
      id: PUSH,
      inputs: () => ({ expirationPolicy: undefined }),
      expected: "subscriptions-last: rotator expires when it is not used",
    },
  ])("$breach", async ({ id, inputs, expected }) => {
    const resource = (await declared("prod", { ...SIGN_IN, ...DOMAIN })).get(id);
    const broken = { ...resource, inputs: { ...resource.inputs, ...inputs(resource.inputs) } };
    expect(violations("prod", [broken])).toEqual([expected]);
  });

  test.each([
    ["SECRET_KEY", "a-key-of-more-than-thirty-two-characters", "no-secret-in-the-open"],
    ["OIDC_CLIENT_SECRET", "the-client-secret", "no-secret-in-the-open"],
    ["SESSION_COOKIE_SECURE", "false", "cookies-over-https"],
  ])("%s=%s", async (name, value, rule) => {
    const web = (await declared("prod", SIGN_IN)).get(WEB);
    const envs = environmentOf(web).map((each) => (each.name === name ? { name, value } : each));
    const broken = { ...web, inputs: { ...web.inputs, ...container(web.inputs, { envs }) } };
    expect(violations("prod", [broken])).toEqual([
      expect.stringMatching(`^${rule}: web-europe-west1 `),
    ]);
  });
});

describe("in a preview, where reading a value that is not known yet throws", () => {
  /** Inputs as Pulumi passes them to a policy. */
  function unknownAt(inputs: object, ...keys: string[]): object {
    return new Proxy(inputs, {
      get(target, key) {
        if (keys.includes(String(key))) throw new Error(`${String(key)} can't be known`);
        const value: unknown = Reflect.get(target, key);
        return typeof value === "object" && value !== null ? unknownAt(value, ...keys) : value;
      },
    });
  }

  test("every rule still checks the other values", async () => {
    const web = (await declared("prod")).get(WEB);
    const inputs = known(unknownAt(web.inputs, "serviceAccount")) as Record<string, unknown>;
    expect(inputs).toMatchObject({ template: { serviceAccount: KNOWN_LATER } });
    expect(violations("prod", [{ ...web, inputs }])).toEqual([]);
    const unguarded = { ...web, inputs: { ...inputs, deletionProtection: false } };
    expect(violations("prod", [unguarded])).toEqual([
      "prod-is-guarded: web-europe-west1 can be deleted in prod",
    ]);
  });

  test("an unknown member counts as an account, not as allUsers", async () => {
    const { resources } = await declared("prod", { ...SIGN_IN, ...ALERTS });
    const grants = resources
      .filter(({ inputs }) => "member" in inputs)
      .map((grant) => ({ ...grant, inputs: known(unknownAt(grant.inputs, "member")) }));
    expect(grants.length).toBeGreaterThan(5);
    expect(violations("prod", grants as DeclaredResource[])).toEqual([]);
  });
});
