import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { output, type ResourceHook, runtime } from "@pulumi/pulumi";
import { parse } from "yaml";
import type { DeployedArchive } from "../../infra/bundle/serviceBundle.ts";
import { LOCAL_STACK, localProject } from "../../infra/config/placement.ts";
import { declareStack, type StackHooks } from "../../infra/program.ts";
import { withoutZeros } from "./googleJson.ts";

/** A resource as the program registers it with Pulumi. */
export interface DeclaredResource {
  readonly urn: string;
  /** Such as `gcp:cloudrunv2/service:Service`. */
  readonly type: string;
  readonly name: string;
  /** Whether a provider manages it; false for components. */
  readonly custom: boolean;
  /** Inputs as the provider would get them; outputs of other resources are made up. */
  readonly inputs: Record<string, unknown>;
  /** Names of the inputs that are Pulumi secrets. */
  readonly secretInputs: readonly string[];
  readonly options: DeclaredOptions;
}

export interface DeclaredOptions {
  /** URN of the parent; empty for the stack. */
  readonly parent: string;
  /** URNs of its dependencies, by dependsOn or by an input. */
  readonly dependencies: readonly string[];
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  /** Its hooks, as `MOMENT NAME`. */
  readonly hooks: readonly string[];
}

export interface DeclaredStack {
  readonly resources: DeclaredResource[];
  readonly outputs: Record<string, unknown>;
}

export interface EvaluateOptions {
  /**
   * Folder of Pulumi.yaml and the stacks' files. By default they are the repository's, as if the
   * project were called phoenix, so that tests hold after the product was renamed.
   */
  readonly directory?: string | undefined;
  /** Builds the archive; default: a made-up archive, without a build. */
  readonly buildArchive?: () => DeployedArchive;
  /** Answers calls of provider functions; default: nothing exists at Google yet. */
  readonly call?: (token: string, inputs: Record<string, unknown>) => Record<string, unknown>;
}

/** Project number in made-up outputs. */
const PROJECT_NUMBER = "123456789012";

export const REPOSITORY = join(import.meta.dirname, "../..");
const NO_ARCHIVE: DeployedArchive = { path: "/dev/null", sha256: "0".repeat(64) };
/** Hooks that never run. */
const HOOKS: StackHooks = {
  firstVersion: () => standInHook("first-version"),
  grantPropagation: () => standInHook("grant-propagation"),
};

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs the Pulumi program in this process under Pulumi's mock monitor, which deploys nothing, and
 * returns what it declares.
 *
 * @param stack `dev`, `prod`, `local`, or any other name.
 * @param config Names (`maxInstances`, or in full) and values, over those of Pulumi.STACK.yaml and
 * the defaults.
 * @throws ConfigError of service/contract/errors.ts.
 */
export function evaluateStack(
  stack: string,
  config: Record<string, string> = {},
  options: EvaluateOptions = {},
): Promise<DeclaredStack> {
  // Pulumi's runtime has one state for the whole process.
  const run = last.then(() => evaluate(stack, config, options));
  last = run.catch(() => undefined);
  return run;
}

/** A stack's configuration: defaults, and the values of its file. */
export function stackConfig(stack: string, directory?: string): Record<string, string> {
  const file = `Pulumi.${stack}.yaml`;
  return {
    ...defaults(directory),
    ...(stack === LOCAL_STACK ? localConfig(directory) : {}),
    ...(existsSync(join(directory ?? REPOSITORY, file)) ? texts(read(file, directory).config) : {}),
  };
}

/** Name of the Pulumi project. */
function productName(directory: string | undefined): string {
  return String(read("Pulumi.yaml", directory).name);
}

function localConfig(directory: string | undefined): Record<string, string> {
  const product = productName(directory);
  return {
    "gcp:project": localProject(product),
    "gcp:region": "europe-west1",
    [`${product}:sessionCookieSecure`]: "false",
  };
}

const GET_PROJECT = "gcp:organizations/getProject:getProject";

async function evaluate(
  stack: string,
  config: Record<string, string>,
  options: EvaluateOptions,
): Promise<DeclaredStack> {
  await runtime.setMocks(
    {
      newResource: ({ type, name, inputs, id }) => ({
        id: id || idAt(type, inputs) || `${name}-id`,
        state: withoutZeros({ ...computed(type, inputs), ...inputs }) as Record<string, unknown>,
      }),
      call: ({ token, inputs }) => {
        if (token === GET_PROJECT) return { ...inputs, number: PROJECT_NUMBER };
        if (options.call === undefined) throw new Error(`${token} found nothing.`);
        return options.call(token, inputs);
      },
    },
    productName(options.directory),
    stack,
  );
  runtime.setAllConfig({
    ...stackConfig(stack, options.directory),
    ...fullNames(config, productName(options.directory)),
  });
  const resources: DeclaredResource[] = [];
  observeRegistrations((resource) => resources.push(resource));
  let failure: unknown;
  const declared = await runtime.runInPulumiStack(async () => {
    try {
      return await declareStack(options.buildArchive ?? (() => NO_ARCHIVE), HOOKS);
    } catch (error) {
      // Pulumi would reject twice, and nothing handles the second rejection.
      failure = error;
      return {};
    }
  });
  const outputs = await resolved(declared ?? {});
  // Resolves once all registrations are complete.
  await runtime.disconnect();
  if (failure !== undefined) throw failure;
  return { resources, outputs };
}

/** The part of Pulumi's registration request that is used. */
interface RegisterRequest {
  getType(): string;
  getName(): string;
  getCustom(): boolean;
  getParent(): string;
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getDependenciesList(): string[];
  getIgnorechangesList(): string[];
  getHooks():
    | {
        getBeforeCreateList(): string[];
        getAfterCreateList(): string[];
        getBeforeUpdateList(): string[];
      }
    | undefined;
  getObject(): unknown;
}
interface RegisterResponse {
  getUrn(): string;
}
interface Monitor {
  registerResource(
    request: RegisterRequest,
    callback: (error: unknown, response: RegisterResponse) => void,
  ): unknown;
}

/** Mocks get only types, names and inputs. The monitor gets everything. */
function observeRegistrations(observe: (resource: DeclaredResource) => void): void {
  const monitor = runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) =>
    register(request, (error, response) => {
      if (!error) observe(describe(request, response.getUrn()));
      callback(error, response);
    });
}

function describe(request: RegisterRequest, urn: string): DeclaredResource {
  const raw: Record<string, unknown> = runtime.deserializeProperties(
    request.getObject() as Parameters<typeof runtime.deserializeProperties>[0],
  );
  const entries = Object.entries(raw);
  return {
    urn,
    type: request.getType(),
    name: request.getName(),
    custom: request.getCustom(),
    inputs: Object.fromEntries(
      entries.map(([key, value]) => [
        key,
        runtime.isRpcSecret(value) ? runtime.unwrapRpcSecret(value) : value,
      ]),
    ),
    secretInputs: entries.filter(([, value]) => runtime.isRpcSecret(value)).map(([key]) => key),
    options: {
      parent: request.getParent(),
      dependencies: request.getDependenciesList(),
      protect: request.getProtect(),
      retainOnDelete: request.getRetainondelete(),
      ignoreChanges: request.getIgnorechangesList(),
      hooks: hooksOf(request),
    },
  };
}

function hooksOf(request: RegisterRequest): string[] {
  const hooks = request.getHooks();
  return [
    ...(hooks?.getBeforeCreateList() ?? []).map((name) => `beforeCreate ${name}`),
    ...(hooks?.getAfterCreateList() ?? []).map((name) => `afterCreate ${name}`),
    ...(hooks?.getBeforeUpdateList() ?? []).map((name) => `beforeUpdate ${name}`),
  ];
}

/** Pulumi's constructor would register the hook with an engine, and there is none. */
function standInHook(name: string): ResourceHook {
  const registered = { name, __pulumiResourceHook: true, __registered: Promise.resolve() };
  return registered as unknown as ResourceHook;
}

/** Outputs that Google would compute. */
function computed(type: string, inputs: Record<string, unknown>): Record<string, unknown> {
  const name = String(inputs.name ?? "");
  switch (type) {
    case "gcp:serviceaccount/account:Account": {
      const email = `${inputs.accountId}@${inputs.project}.iam.gserviceaccount.com`;
      return {
        email,
        member: `serviceAccount:${email}`,
        name: `projects/${inputs.project}/serviceAccounts/${email}`,
      };
    }
    case "gcp:projects/serviceIdentity:ServiceIdentity": {
      const agent = String(inputs.service).replace(".googleapis.com", "");
      const email = `service-${PROJECT_NUMBER}@gcp-sa-${agent}.iam.gserviceaccount.com`;
      return { email, member: `serviceAccount:${email}` };
    }
    case "gcp:storage/bucketObject:BucketObject":
      return { generation: 1_700_000_000_000_000 };
    case "gcp:secretmanager/secretVersion:SecretVersion":
      return { version: "1" };
    case "gcp:cloudrunv2/service:Service": {
      const url = `https://${name}-${PROJECT_NUMBER}.${inputs.location}.run.app`;
      const uri = `https://${name}-abcdefghij-ew.a.run.app`;
      const service = idAt(type, inputs);
      return {
        uri,
        urls: [url, uri],
        latestReadyRevision: `${service}/revisions/${name}-00001-abc`,
      };
    }
    case "gcp:certificatemanager/dnsAuthorization:DnsAuthorization":
      return {
        dnsResourceRecords: [
          {
            name: `_acme-challenge_ujmmovf2vn55tgye.${inputs.domain}.`,
            type: "CNAME",
            data: "d3e4c8b7.4.authorize.certificatemanager.goog.",
          },
        ],
      };
    case "gcp:compute/globalAddress:GlobalAddress":
      return { address: "203.0.113.10" };
    case "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":
      return { uptimeCheckId: `${inputs.displayName}-check` };
    default:
      return {};
  }
}

/** Compute Engine's collections, by Pulumi's name of a resource. */
const COMPUTE_COLLECTIONS: Readonly<Record<string, string>> = {
  backendService: "backendServices",
  globalAddress: "addresses",
  globalForwardingRule: "forwardingRules",
  regionNetworkEndpointGroup: "networkEndpointGroups",
  sSLPolicy: "sslPolicies",
  securityPolicy: "securityPolicies",
  targetHttpProxy: "targetHttpProxies",
  targetHttpsProxy: "targetHttpsProxies",
  uRLMap: "urlMaps",
};

/** A resource's ID, if it is the full name of the resource; otherwise undefined. */
function idAt(type: string, inputs: Record<string, unknown>): string | undefined {
  const { project, location, name, secretId, accountId } = inputs;
  const [, certificateKind] = /^gcp:certificatemanager\/(\w+):/.exec(type) ?? [];
  if (certificateKind !== undefined) {
    return `projects/${project}/locations/global/${certificateKind}s/${name}`;
  }
  const [, computeKind = ""] = /^gcp:compute\/(\w+):/.exec(type) ?? [];
  const collection = COMPUTE_COLLECTIONS[computeKind];
  if (collection !== undefined) {
    const place = inputs.region === undefined ? "global" : `regions/${inputs.region}`;
    return `projects/${project}/${place}/${collection}/${name}`;
  }
  switch (type) {
    case "gcp:cloudrunv2/service:Service":
      return `projects/${project}/locations/${location}/services/${name}`;
    case "gcp:secretmanager/secret:Secret":
      return `projects/${project}/secrets/${secretId}`;
    case "gcp:secretmanager/secretVersion:SecretVersion":
      return `${inputs.secret}/versions/1`;
    case "gcp:pubsub/topic:Topic":
      return `projects/${project}/topics/${name}`;
    case "gcp:pubsub/subscription:Subscription":
      return `projects/${project}/subscriptions/${name}`;
    case "gcp:serviceaccount/account:Account":
      return `projects/${project}/serviceAccounts/${accountId}@${project}.iam.gserviceaccount.com`;
    default:
      return undefined;
  }
}

/** Resolves nested Outputs. */
function resolved(outputs: object): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    output(outputs).apply((values) => resolve(values as Record<string, unknown>));
  });
}

function defaults(directory: string | undefined): Record<string, string> {
  const product = productName(directory);
  const declared = read("Pulumi.yaml", directory).config as Record<string, { default: unknown }>;
  const values = Object.entries(declared).map(([name, { default: value }]) => [name, value]);
  return fullNames(texts(Object.fromEntries(values)), product);
}

/** Adds the project's prefix to names without one. */
function fullNames(values: Record<string, string>, product: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name.includes(":") ? name : `${product}:${name}`,
      value,
    ]),
  );
}

/** Parsed files by text, because tests evaluate hundreds of configurations with the same files. */
const parsed = new Map<string, Readonly<Record<string, unknown>>>();

function read(file: string, directory: string | undefined): Readonly<Record<string, unknown>> {
  const source = readFileSync(join(directory ?? REPOSITORY, file), "utf8");
  const text = directory === undefined ? renamed(source, "phoenix") : source;
  const content = parsed.get(text) ?? (parse(text) as Record<string, unknown>);
  parsed.set(text, content);
  return content;
}

/** One of the project's files with another name and prefix. */
export function renamed(text: string, name: string, prefix = name): string {
  const pulumi = readFileSync(join(REPOSITORY, "Pulumi.yaml"), "utf8");
  const [, current = ""] = /^name: (.*)$/m.exec(pulumi) ?? [];
  return text
    .replace(/^name: .*$/m, `name: ${name}`)
    .replaceAll(`\n  ${current}:`, `\n  ${prefix}:`);
}

function texts(values: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values as Record<string, unknown>).map(([key, value]) => [key, String(value)]),
  );
}
