import { parse, stringify } from "yaml";
import type { Ended } from "../../../../infra/commands/runProgram.ts";

/** Fake state of Google Cloud, GitHub and the machine, as `npm run bootstrap` can find it. */
export interface Cloud {
  operator: string | undefined;
  /** Contents of application_default_credentials.json; undefined if there is no such login. */
  credentials: Record<string, string> | undefined;
  project: { number: string; state: string; billing: string | undefined } | undefined;
  /** Full names of enabled APIs. */
  apis: Set<string>;
  bucket: { versioning: boolean; uniform: boolean; prevention: boolean } | undefined;
  keyRing: boolean;
  key: string | undefined;
  /** `ROLE MEMBER` by resource. */
  policies: Map<string, Set<string>>;
  /** Addresses and their display names. */
  accounts: Map<string, string>;
  pool: string | undefined;
  providers: Map<string, Provider>;
  /** URL of Pulumi's backend. */
  backend: string | undefined;
  /** Stacks in the backend. */
  stacks: Set<string>;
  /** Text of Pulumi.STACK.yaml. */
  file: string;
  repository: { id: number; admin: boolean } | undefined;
  environments: Map<string, Environment>;
}

interface Provider {
  state: string;
  disabled: boolean;
  issuer: string;
  mapping: string;
  condition: string;
}

export interface Environment {
  waitTimer: number;
  reviewers: { type: string; id: number }[];
  preventSelfReview: boolean;
  custom: boolean;
  policies: Set<string>;
  variables: Map<string, string>;
}

export const PROJECT = "acme-phoenix-dev";
export const OPERATOR = "ada@acme.example";
export const REPOSITORY = "acme/phoenix";

/** Only logins, and the stack's file as in the repository. */
export function emptyCloud(): Cloud {
  return {
    operator: OPERATOR,
    credentials: { type: "authorized_user" },
    project: undefined,
    apis: new Set(),
    bucket: undefined,
    keyRing: false,
    key: undefined,
    policies: new Map(),
    accounts: new Map(),
    pool: undefined,
    providers: new Map(),
    backend: undefined,
    stacks: new Set(),
    file: "config:\n  gcp:region: europe-west1\n",
    repository: { id: 4711, admin: true },
    environments: new Map(),
  };
}

class Refused extends Error {
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}

const SWITCHES = new Set([
  ...["--enabled", "--show-deleted", "--json", "--silent", "--versioning", "--no-disabled"],
  ...["--uniform-bucket-level-access", "--public-access-prevention"],
]);

interface Call {
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
  readonly fields: readonly string[];
}

function parseCall(args: readonly string[]): Call {
  const words: string[] = [];
  const flags = new Map<string, string>();
  const fields: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? "";
    if (!arg.startsWith("-")) words.push(arg);
    else if (SWITCHES.has(arg)) flags.set(arg, "");
    else {
      index += 1;
      const value = args[index] ?? "";
      if (arg === "-F" || arg === "-f") fields.push(value);
      else flags.set(arg, value);
    }
  }
  return { words, flags, fields };
}

/** Simulates gcloud, gh and npx pulumi: changes the state, or fails as they do. */
export function answer(
  cloud: Cloud,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Ended {
  try {
    const call = parseCall(args);
    const result =
      program === "gcloud"
        ? gcloud(cloud, call)
        : program === "gh"
          ? gh(cloud, call)
          : pulumi(cloud, call, env);
    const stdout = typeof result === "string" ? result : JSON.stringify(result ?? []);
    return { status: 0, stdout, stderr: "" };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { status: error.status, stdout: "", stderr: `ERROR: ${error.message}\n` };
  }
}

function gcloud(cloud: Cloud, { words, flags }: Call): unknown {
  const command = words.slice(0, 5).join(" ");
  const is = (prefix: string) => command === prefix || command.startsWith(`${prefix} `);
  if (is("auth list")) return cloud.operator ?? "";
  if (is("auth application-default print-access-token")) {
    if (cloud.credentials === undefined) throw new Refused("could not find default credentials");
    return "token";
  }
  if (is("auth print-access-token")) return "token-of-gcloud";
  if (is("projects describe")) {
    const project = need(cloud.project, "the caller has no permission (or it may not exist)");
    if (flags.get("--format")?.startsWith("value(")) return project.number;
    return { projectId: PROJECT, projectNumber: project.number, lifecycleState: project.state };
  }
  if (is("projects create")) {
    if (cloud.project !== undefined) throw new Refused("ALREADY_EXISTS");
    cloud.project = { number: "123456789012", state: "ACTIVE", billing: undefined };
    return {};
  }
  const project = need(cloud.project, "no such project");
  if (is("billing projects describe")) {
    const { billing } = project;
    return {
      billingEnabled: billing !== undefined,
      billingAccountName: `billingAccounts/${billing ?? ""}`,
    };
  }
  if (is("billing projects link")) {
    project.billing = flags.get("--billing-account");
    return {};
  }
  if (is("services list")) {
    return [...cloud.apis].map((name) => ({ config: { name }, state: "ENABLED" }));
  }
  if (is("services enable")) {
    need(project.billing, "Billing account is not open");
    for (const api of words.slice(2)) cloud.apis.add(api);
    return {};
  }
  if (is("auth application-default set-quota-project")) {
    needApi(cloud, "serviceusage");
    need(cloud.credentials, "no credentials").quota_project_id = words[3] ?? "";
    return {};
  }
  if (is("projects get-iam-policy")) return policyOf(cloud, "project");
  if (is("projects add-iam-policy-binding")) return bind(cloud, "project", flags);
  if (is("storage buckets")) return storage(cloud, words, flags);
  if (is("kms")) return kms(cloud, words, flags);
  if (is("iam service-accounts")) return serviceAccounts(cloud, words, flags);
  if (is("iam workload-identity-pools")) return pools(cloud, words, flags);
  throw new Refused(`invalid choice: ${words.join(" ")}`, 2);
}

function storage(cloud: Cloud, words: readonly string[], flags: Call["flags"]): unknown {
  needApi(cloud, "storage");
  const name = `${PROJECT}-pulumi-state`;
  const { bucket } = cloud;
  switch (words[2]) {
    case "list":
      return bucket === undefined
        ? []
        : [
            {
              name,
              versioning_enabled: bucket.versioning,
              uniform_bucket_level_access: bucket.uniform,
              public_access_prevention: bucket.prevention ? "enforced" : "inherited",
            },
          ];
    case "create":
      need(cloud.project?.billing, "The billing account is disabled");
      if (bucket !== undefined) throw new Refused("HTTPError 409: you already own it");
      cloud.bucket = {
        versioning: false,
        uniform: flags.has("--uniform-bucket-level-access"),
        prevention: flags.has("--public-access-prevention"),
      };
      return {};
    case "update": {
      const present = need(bucket, "bucket not found: 404");
      if (flags.has("--versioning")) present.versioning = true;
      if (flags.has("--uniform-bucket-level-access")) present.uniform = true;
      if (flags.has("--public-access-prevention")) present.prevention = true;
      return {};
    }
    case "get-iam-policy":
      need(bucket, "bucket not found: 404");
      return policyOf(cloud, "bucket");
    default:
      need(bucket, "bucket not found: 404");
      return bind(cloud, "bucket", flags);
  }
}

function kms(cloud: Cloud, words: readonly string[], flags: Call["flags"]): unknown {
  needApi(cloud, "cloudkms");
  const parent = `projects/${PROJECT}/locations/${flags.get("--location")}/keyRings`;
  switch (`${words[1]} ${words[2]}`) {
    case "keyrings list":
      return cloud.keyRing ? [{ name: `${parent}/pulumi` }] : [];
    case "keyrings create":
      if (cloud.keyRing) throw new Refused("ALREADY_EXISTS: KeyRing already exists.");
      cloud.keyRing = true;
      return {};
    case "keys list":
      if (!cloud.keyRing) throw new Refused("NOT_FOUND: KeyRing not found.");
      return cloud.key === undefined
        ? []
        : [{ name: `${parent}/pulumi/cryptoKeys/state`, primary: { state: cloud.key } }];
    case "keys create":
      if (!cloud.keyRing) throw new Refused("NOT_FOUND: KeyRing not found.");
      cloud.key = "ENABLED";
      return {};
    case "keys get-iam-policy":
      need(cloud.key, "NOT_FOUND: CryptoKey not found.");
      return policyOf(cloud, "key");
    default:
      need(cloud.key, "NOT_FOUND: CryptoKey not found.");
      return bind(cloud, "key", flags);
  }
}

function serviceAccounts(cloud: Cloud, words: readonly string[], flags: Call["flags"]): unknown {
  needApi(cloud, "iam");
  switch (words[2]) {
    case "list":
      return [...cloud.accounts.keys()].map((email) => ({ email }));
    case "create": {
      const address = `${words[3]}@${PROJECT}.iam.gserviceaccount.com`;
      if (cloud.accounts.has(address)) throw new Refused("Service account already exists");
      cloud.accounts.set(address, flags.get("--display-name") ?? "");
      return {};
    }
    default: {
      const address = words[3] ?? "";
      if (!cloud.accounts.has(address)) throw new Refused("NOT_FOUND: Unknown service account");
      return words[2] === "get-iam-policy" ? policyOf(cloud, address) : bind(cloud, address, flags);
    }
  }
}

function pools(cloud: Cloud, words: readonly string[], flags: Call["flags"]): unknown {
  needApi(cloud, "iam");
  const parent = `projects/${cloud.project?.number}/locations/global/workloadIdentityPools`;
  const isProvider = words[2] === "providers";
  const [verb, id = ""] = words.slice(isProvider ? 3 : 2);
  if (!isProvider) {
    if (verb === "list") {
      return cloud.pool === undefined ? [] : [{ name: `${parent}/github`, state: cloud.pool }];
    }
    if (verb === "create" && cloud.pool !== undefined) throw new Refused("ALREADY_EXISTS");
    if (verb === "undelete" && cloud.pool !== "DELETED") throw new Refused("not deleted");
    cloud.pool = "ACTIVE";
    return {};
  }
  if (verb === "list") {
    return [...cloud.providers].map(([name, provider]) => ({
      name: `${parent}/github/providers/${name}`,
      state: provider.state,
      // Google omits zero values.
      ...(provider.disabled && { disabled: true }),
      oidc: { issuerUri: provider.issuer },
      attributeMapping: { "google.subject": provider.mapping.replace("google.subject=", "") },
      attributeCondition: provider.condition,
    }));
  }
  if (cloud.pool !== "ACTIVE") throw new Refused("NOT_FOUND: the pool");
  const present = cloud.providers.get(id);
  if (verb === "undelete") {
    if (present?.state !== "DELETED") throw new Refused("not deleted");
    present.state = "ACTIVE";
    return {};
  }
  if (verb === "create-oidc" && present !== undefined) throw new Refused("ALREADY_EXISTS");
  if (verb === "update-oidc" && present?.state !== "ACTIVE") throw new Refused("NOT_FOUND");
  cloud.providers.set(id, {
    state: "ACTIVE",
    disabled: false,
    issuer: flags.get("--issuer-uri") ?? "",
    mapping: flags.get("--attribute-mapping") ?? "",
    condition: flags.get("--attribute-condition") ?? "",
  });
  return {};
}

function pulumi(cloud: Cloud, { words, flags }: Call, env: { PULUMI_BACKEND_URL?: string }) {
  const [, verb, noun, ...rest] = words;
  const backend = env.PULUMI_BACKEND_URL || cloud.backend;
  if (verb === "version") return "v3.265.0";
  if (verb === "login") {
    need(cloud.bucket, `unable to open bucket ${noun}`);
    cloud.backend = noun;
    return "";
  }
  const url = need(backend, "PULUMI_ACCESS_TOKEN must be set for login", 255);
  if (verb === "whoami") return { user: "root", url };
  need(url === `gs://${PROJECT}-pulumi-state` ? cloud.bucket : undefined, "no such bucket", 255);
  const file = parse(cloud.file) ?? {};
  if (verb === "stack" && noun === "ls") return [...cloud.stacks].map((name) => ({ name }));
  if (verb === "stack" && noun === "init") {
    const [name = ""] = rest;
    if (cloud.stacks.has(name)) throw new Refused(`stack '${name}' already exists`, 255);
    if (cloud.key === undefined) throw new Refused("NOT_FOUND: the key", 255);
    const grant = `roles/cloudkms.cryptoKeyEncrypterDecrypter user:${OPERATOR}`;
    if (!cloud.policies.get("key")?.has(grant)) throw new Refused("PERMISSION_DENIED", 255);
    cloud.stacks.add(name);
    cloud.file = stringify({ secretsprovider: flags.get("--secrets-provider"), ...file });
    return "";
  }
  const stack = flags.get("--stack") ?? "";
  if (!cloud.stacks.has(stack)) throw new Refused(`no stack named '${stack}' found`, 255);
  const [name = "", value] = rest;
  cloud.file = stringify({ ...file, config: { ...file.config, [name]: value } });
  return "";
}

function gh(cloud: Cloud, { words, flags, fields }: Call): unknown {
  if (words[0] === "auth") {
    need(cloud.repository, "You are not logged into any GitHub hosts");
    return "";
  }
  const repository = need(cloud.repository, "HTTP 404: Not Found");
  if (words[0] === "variable") {
    const environment = need(cloud.environments.get(flags.get("--env") ?? ""), "HTTP 404");
    environment.variables.set(words[2] ?? "", flags.get("--body") ?? "");
    return "";
  }
  const path = (words[1] ?? "").split("?")[0] ?? "";
  if (path.startsWith("users/")) return { id: path.length, login: path };
  if (path.startsWith("orgs/")) return { id: path.length, slug: path };
  const [, , , kind, name = "", part] = path.split("/");
  if (kind === undefined) return { id: repository.id, permissions: { admin: repository.admin } };
  if (name === "") {
    return { environments: [...cloud.environments].map(([name, one]) => describe(name, one)) };
  }
  if (!repository.admin && flags.has("--method")) throw new Refused("HTTP 403");
  const present = cloud.environments.get(name);
  if (part === undefined) {
    cloud.environments.set(name, {
      ...fromFields(fields),
      policies: present?.policies ?? new Set(),
      variables: present?.variables ?? new Map(),
    });
    return "";
  }
  const environment = need(present, "HTTP 404: Not Found");
  if (part === "variables") {
    return { variables: [...environment.variables].map(([name, value]) => ({ name, value })) };
  }
  if (flags.get("--method") === "POST") {
    if (!environment.custom) throw new Refused("HTTP 404: Not Found");
    const { type, name } = Object.fromEntries(fields.map((field) => field.split("=")));
    environment.policies.add(`${type} ${name}`);
    return "";
  }
  return {
    branch_policies: [...environment.policies].map((policy) => {
      const [type, name] = policy.split(" ");
      return { type, name };
    }),
  };
}

function fromFields(fields: readonly string[]) {
  const all = fields.map((field) => field.split("=") as [string, string]);
  const values = new Map(all);
  const list = (name: string) => all.filter(([key]) => key === name).map(([, value]) => value);
  const ids = list("reviewers[][id]");
  return {
    waitTimer: Number(values.get("wait_timer") ?? 0),
    preventSelfReview: values.get("prevent_self_review") === "true",
    reviewers: list("reviewers[][type]").map((type, index) => ({ type, id: Number(ids[index]) })),
    custom: values.get("deployment_branch_policy[custom_branch_policies]") === "true",
  };
}

/** An environment as GitHub describes it. */
function describe(name: string, environment: Environment) {
  const { waitTimer, reviewers, preventSelfReview, custom } = environment;
  return {
    name,
    protection_rules: [
      ...(waitTimer > 0 ? [{ type: "wait_timer", wait_timer: waitTimer }] : []),
      ...(reviewers.length > 0
        ? [
            {
              type: "required_reviewers",
              prevent_self_review: preventSelfReview,
              reviewers: reviewers.map(({ type, id }) => ({ type, reviewer: { id } })),
            },
          ]
        : []),
    ],
    deployment_branch_policy: custom
      ? { protected_branches: false, custom_branch_policies: true }
      : null,
  };
}

function policyOf({ policies }: Cloud, resource: string) {
  const bindings = [...(policies.get(resource) ?? [])].map((binding) => {
    const [role, member] = binding.split(" ");
    return { role, members: [member] };
  });
  // A policy without bindings has only an etag.
  return { etag: "ACAB", ...(bindings.length > 0 && { bindings }) };
}

function bind(cloud: Cloud, resource: string, flags: Call["flags"]) {
  const member = flags.get("--member") ?? "";
  const address = member.replace("serviceAccount:", "");
  if (member.startsWith("serviceAccount:") && !cloud.accounts.has(address)) {
    throw new Refused(`INVALID_ARGUMENT: Service account ${address} does not exist.`);
  }
  if (member.startsWith("principal:") && (cloud.pool !== "ACTIVE" || member.includes("$"))) {
    throw new Refused("INVALID_ARGUMENT: Identity Pool does not exist");
  }
  const bindings = cloud.policies.get(resource) ?? new Set();
  cloud.policies.set(resource, bindings.add(`${flags.get("--role")} ${member}`));
  return policyOf(cloud, resource);
}

function need<Value>(value: Value | undefined, message: string, status = 1): Value {
  if (value === undefined) throw new Refused(message, status);
  return value;
}

function needApi({ apis }: Cloud, name: string): void {
  if (apis.has(`${name}.googleapis.com`)) return;
  throw new Refused(`PERMISSION_DENIED: SERVICE_DISABLED: ${name}.googleapis.com`);
}
