import { KNOWN_LATER } from "./known.ts";

/** A resource that a stack declares. */
interface CheckedResource {
  /** Such as `gcp:cloudrunv2/service:Service`. */
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Name of the stack. */
  readonly stack: string;
  /** Name of the Pulumi project. */
  readonly product: string;
}

/** A rule that holds in every stack. */
interface PolicyRule {
  readonly name: string;
  readonly description: string;
  /** The resource's violations, as clauses that follow its name; empty if there are none. */
  violations(resource: CheckedResource): readonly string[];
}

const BACKEND = "gcp:compute/backendService:BackendService";
const BUCKET = "gcp:storage/bucket:Bucket";
const SECRET = "gcp:secretmanager/secret:Secret";
const SECRET_VERSION = "gcp:secretmanager/secretVersion:SecretVersion";
const SECURITY_POLICY = "gcp:compute/securityPolicy:SecurityPolicy";
const SERVICE = "gcp:cloudrunv2/service:Service";
const SSL_POLICY = "gcp:compute/sSLPolicy:SSLPolicy";
const SUBSCRIPTION = "gcp:pubsub/subscription:Subscription";
const TARGET_HTTPS_PROXY = "gcp:compute/targetHttpsProxy:TargetHttpsProxy";

const WEEK = 7 * 24 * 3600;

/** The rules that `npx pulumi preview --policy-pack infra/policy` and the tests enforce. */
export const RULES: readonly PolicyRule[] = [
  {
    name: "grants-on-single-resources",
    description: "Roles are granted on single resources, and never basic ones.",
    violations: ({ type, inputs }) =>
      found([
        /^gcp:(projects|folder|organizations)\/iam/i.test(type) &&
          "grants a role on more than one resource",
        ["roles/owner", "roles/editor", "roles/viewer"].includes(text(inputs.role)) &&
          `grants the basic role ${text(inputs.role)}`,
      ]),
  },
  {
    name: "public-only-by-invocation",
    description: "Everyone may call the web service, and may do nothing else.",
    violations: ({ type, inputs, stack, product }) => {
      const { member, members = [], role, name } = inputs;
      const open = [member, ...(Array.isArray(members) ? members : [])]
        .map(text)
        .filter((each) => /^all(Authenticated)?Users$/.test(each));
      const invoker =
        type === "gcp:cloudrunv2/serviceIamMember:ServiceIamMember" &&
        role === "roles/run.invoker" &&
        [`${product}-${stack}`, KNOWN_LATER].includes(text(name));
      return invoker ? [] : open.map((each) => `gives ${each} ${text(role)}`);
    },
  },
  {
    name: "only-the-web-service-is-reachable",
    description: "Services other than the web service are internal, and require authentication.",
    violations: of(SERVICE, (inputs) => {
      if (isWebService(inputs)) return [];
      return [
        inputs.invokerIamDisabled === true && "can be called without authentication",
        inputs.ingress !== "INGRESS_TRAFFIC_INTERNAL_ONLY" && "can be reached from outside",
      ];
    }),
  },
  {
    name: "regions-fail-over",
    description:
      "Behind the load balancer, a service has a readiness probe, which does not depend on the keys.",
    violations: of(SERVICE, (inputs) =>
      inputs.ingress === "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
        ? containers(inputs).flatMap((container) => {
            const path = text(at(container, "readinessProbe", "httpGet", "path"));
            if (path === "") return ["has no readiness probe"];
            return path === "/health/ready"
              ? ["fails over when the keys can't be read, which affects all regions"]
              : [];
          })
        : [],
    ),
  },
  {
    name: "a-domain-is-the-only-way-in",
    description: "A web service with a domain can't be reached past the load balancer's limits.",
    violations: of(SERVICE, (inputs) => {
      const url = environment(inputs).find(({ name }) => name === "PUBLIC_URL")?.value;
      if (!isWebService(inputs) || !text(url) || /\.run\.app$/.test(text(url))) return [];
      return [
        inputs.ingress !== "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" &&
          "can be reached past its load balancer",
        inputs.defaultUriDisabled !== true && "answers at Cloud Run's own address",
      ];
    }),
  },
  {
    name: "load-balancers-limit-and-log",
    description: "A load balancer limits the requests of each IP address, and logs requests.",
    violations: (resource) => [
      ...of(BACKEND, (inputs) => [
        !inputs.securityPolicy && "has no security policy",
        at(inputs, "logConfig", "enable") !== true && "has no log",
      ])(resource),
      ...of(SECURITY_POLICY, (inputs) => {
        const rules = [inputs.rules ?? []].flat();
        const limits = rules.some((rule) => text(at(rule, "action")) === "throttle");
        return limits ? [] : ["has no limit for requests"];
      })(resource),
    ],
  },
  {
    name: "tls-is-current",
    description: "A load balancer refuses TLS before 1.2.",
    violations: (resource) => [
      ...of(TARGET_HTTPS_PROXY, ({ sslPolicy }) =>
        sslPolicy ? [] : ["accepts every version of TLS"],
      )(resource),
      ...of(SSL_POLICY, ({ minTlsVersion }) =>
        /^TLS_1_[23]$/.test(text(minTlsVersion)) ? [] : ["accepts TLS before 1.2"],
      )(resource),
    ],
  },
  {
    name: "private-buckets",
    description: "Buckets are not public, and keep replaced objects.",
    violations: of(BUCKET, (inputs) => [
      inputs.publicAccessPrevention !== "enforced" && "can be made public",
      inputs.uniformBucketLevelAccess !== true && "has access lists for objects",
      at(inputs, "versioning", "enabled") !== true &&
        !isEnded(inputs) &&
        "does not keep replaced objects",
    ]),
  },
  {
    name: "ended-sessions-expire",
    description: "Objects in the bucket of ended sessions are deleted by their custom time only.",
    violations: of(BUCKET, (inputs) => {
      if (!isEnded(inputs)) return [];
      const rules = [inputs.lifecycleRules ?? []].flat();
      const byCustomTime = (rule: unknown) =>
        Number(at(rule, "condition", "daysSinceCustomTime")) >= 1;
      return [
        rules.length === 0 && "never deletes objects",
        !rules.every(byCustomTime) && "deletes objects by another condition than their custom time",
      ];
    }),
  },
  {
    name: "secrets-are-kept",
    description:
      "SECRET_KEY can't be deleted in prod, and destroyed versions can be restored for a week.",
    violations: of(SECRET, (inputs, stack) => {
      if (!text(inputs.secretId).endsWith("-SECRET_KEY")) return [];
      const delay = Number.parseInt(text(inputs.versionDestroyTtl) || "0", 10);
      return [
        !(delay >= WEEK) && "loses a destroyed version in less than a week",
        stack === "prod" && inputs.deletionProtection !== true && "can be deleted in prod",
      ];
    }),
  },
  {
    name: "versions-are-left-alone",
    description: "No deployment deletes a version of a secret.",
    violations: of(SECRET_VERSION, (inputs) =>
      inputs.deletionPolicy === "ABANDON" ? [] : ["is destroyed when Pulumi deletes the resource"],
    ),
  },
  {
    name: "services-run-as-themselves",
    description: "A service has its own account, probes, and request-based billing.",
    violations: of(SERVICE, (inputs) => [
      at(inputs, "template", "serviceAccount") === undefined &&
        "runs as the project's default account",
      ...containers(inputs).flatMap((container) => [
        !(container.startupProbe && container.livenessProbe) && "has no probes",
        at(container, "resources", "cpuIdle") !== true && "pays for instances without requests",
        !/^scratch$|@sha256:[0-9a-f]{64}$/.test(text(container.image)) &&
          "runs an image without a digest",
      ]),
    ]),
  },
  {
    name: "no-secret-in-the-open",
    description: "No environment variable contains a secret.",
    violations: of(SERVICE, (inputs) =>
      environment(inputs)
        .filter(({ name, value }) => {
          if (value === undefined) return false;
          if (name === "SECRET_KEY") return !text(value).startsWith("sm://");
          return /SECRET|PASSWORD|TOKEN/.test(name);
        })
        .map(({ name }) => `has the secret ${name} in its environment`),
    ),
  },
  {
    name: "cookies-over-https",
    description: "Session cookies are sent over https only.",
    violations: of(SERVICE, (inputs, stack) =>
      environment(inputs).some(
        ({ name, value }) => name === "SESSION_COOKIE_SECURE" && value !== "true",
      ) && stack !== "local"
        ? ["sends session cookies without encryption"]
        : [],
    ),
  },
  {
    name: "prod-is-guarded",
    description:
      "In prod the web service can't be deleted, has a warm instance, and limits who may sign in.",
    violations: of(SERVICE, (inputs, stack) => {
      if (stack !== "prod" || !isWebService(inputs)) return [];
      const names = environment(inputs).map(({ name }) => name);
      const warm = at(inputs, "scaling", "minInstanceCount");
      return [
        inputs.deletionProtection !== true && "can be deleted in prod",
        !(typeof warm === "number" && warm >= 1) && "has no warm instance in prod",
        !names.includes("ALLOWED_USERS") && "lets everyone sign in in prod",
      ];
    }),
  },
  {
    name: "subscriptions-last",
    description:
      "Subscriptions never expire. Push subscriptions send a token, and have a dead-letter topic.",
    violations: of(SUBSCRIPTION, (inputs) => [
      at(inputs, "expirationPolicy", "ttl") !== "" && "expires when it is not used",
      inputs.pushConfig !== undefined &&
        !at(inputs, "pushConfig", "oidcToken") &&
        "pushes without a token",
      inputs.pushConfig !== undefined && !inputs.deadLetterPolicy && "has no dead-letter topic",
    ]),
  },
];

/** Tells the web service from the rotator, which has no session settings. */
function isWebService(inputs: CheckedResource["inputs"]): boolean {
  return environment(inputs).some(({ name }) => name === "SESSION_COOKIE_SECURE");
}

/** Tells the bucket of ended sessions from the bucket of bundles. */
function isEnded(inputs: CheckedResource["inputs"]): boolean {
  return text(inputs.name).endsWith("-ended");
}

/** The violations of a resource of one type; `false` stands for none. */
function of(
  type: string,
  violations: (inputs: CheckedResource["inputs"], stack: string) => (string | false)[],
): PolicyRule["violations"] {
  return (resource) =>
    resource.type === type ? found(violations(resource.inputs, resource.stack)) : [];
}

function found(violations: readonly (string | false)[]): string[] {
  return violations.filter((violation) => violation !== false);
}

/** The value at a path; undefined if any part is missing. */
function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)?.[key], value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function containers(service: CheckedResource["inputs"]): Record<string, unknown>[] {
  return (at(service, "template", "containers") ?? []) as Record<string, unknown>[];
}

function environment(service: CheckedResource["inputs"]): { name: string; value: unknown }[] {
  return containers(service).flatMap(
    (container) => (container.envs ?? []) as { name: string; value: unknown }[],
  );
}
