import type { asset } from "@pulumi/pulumi";
import type { DeclaredResource, DeclaredStack } from "../support/declaredStack.ts";
import type { Probe } from "./instance.ts";

/** The parts of a declared Cloud Run service that a run needs. */
export interface DeclaredService {
  readonly region: string;
  /** Path of the tar.gz that it runs. */
  readonly archive: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe | undefined;
  readonly readinessProbe: Probe | undefined;
  readonly cpuIdle: boolean;
  readonly minInstances: number;
  readonly maxInstances: number;
}

/** A secret that the program creates. */
export interface DeclaredSecret {
  readonly project: string;
  readonly secret: string;
  /** How long a destroyed version can be restored, such as `604800s`; undefined: not at all. */
  readonly versionDestroyTtl: unknown;
  /** Value of the version that the program creates; undefined if it creates none. */
  readonly payload: string | undefined;
}

/** The inputs of the provider's resource that are read here. */
interface ServiceInputs {
  readonly location: string;
  readonly template: {
    readonly containers: readonly Container[];
  };
  readonly scaling: { readonly minInstanceCount: number; readonly maxInstanceCount: number };
}

interface Container {
  readonly commands?: readonly string[];
  readonly args?: readonly string[];
  readonly envs: readonly EnvironmentVariable[];
  readonly resources?: { readonly cpuIdle?: boolean };
  readonly startupProbe?: DeclaredProbe;
  readonly livenessProbe?: DeclaredProbe;
  readonly readinessProbe?: DeclaredProbe;
  readonly sourceCode?: { readonly cloudStorageSource: { readonly object: string } };
}

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueSource?: { readonly secretKeyRef: { readonly secret: string } };
}

interface DeclaredProbe {
  readonly httpGet?: { readonly path?: string };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
  readonly successThreshold?: number;
}

/**
 * Reads the web service of each region from a declared stack, with its archive and the secrets in its
 * environment.
 *
 * @param regions Determines the order of the result.
 * @throws Error if the program declares something that can't run here
 */
export function findWebServices(
  stack: DeclaredStack,
  regions: readonly string[],
): Promise<DeclaredService[]> {
  const services = stack.resources.filter(
    ({ type, options }) => type === SERVICE && options.parent.includes(WEB_SERVICE),
  );
  return Promise.all(
    regions.map((region) => {
      const service = services.find(({ inputs }) => inputs.location === region);
      if (service === undefined) throw new Error(`The program declares no service in ${region}.`);
      return readService(stack, service);
    }),
  );
}

async function readService(
  stack: DeclaredStack,
  { name, inputs }: DeclaredResource,
): Promise<DeclaredService> {
  const { location, template, scaling } = inputs as unknown as ServiceInputs;
  const [container] = template.containers;
  if (container === undefined) throw new Error(`The service ${name} has no container.`);
  const startupProbe = readProbe(container.startupProbe);
  if (startupProbe === undefined) throw new Error(`The service ${name} has no startup probe.`);
  return {
    region: location,
    archive: await findArchive(stack, container),
    command: [...(container.commands ?? []), ...(container.args ?? [])],
    env: readEnvironment(stack, container),
    startupProbe,
    livenessProbe: readProbe(container.livenessProbe),
    readinessProbe: readProbe(container.readinessProbe, READINESS_SUCCESSES),
    cpuIdle: container.resources?.cpuIdle ?? true,
    minInstances: scaling.minInstanceCount,
    maxInstances: scaling.maxInstanceCount,
  };
}

/** The declared secrets: SECRET_KEY, and the provider's client secret with its value. */
export function findSecrets({ resources }: DeclaredStack): DeclaredSecret[] {
  return resources
    .filter(({ type }) => type === SECRET)
    .map(({ inputs: { project, secretId, versionDestroyTtl } }) => {
      const id = `projects/${project}/secrets/${secretId}`;
      const version = resources.find(
        ({ type, inputs }) => type === SECRET_VERSION && inputs.secret === id,
      );
      return {
        project: String(project),
        secret: String(secretId),
        versionDestroyTtl,
        payload: version && String(version.inputs.secretData),
      };
    });
}

/** Type of the component that contains the web service of a region. */
const WEB_SERVICE = "infra:web:WebService";
const SERVICE = "gcp:cloudrunv2/service:Service";
const BUCKET_OBJECT = "gcp:storage/bucketObject:BucketObject";
const SECRET = "gcp:secretmanager/secret:Secret";
const SECRET_VERSION = "gcp:secretmanager/secretVersion:SecretVersion";

async function findArchive(stack: DeclaredStack, container: Container): Promise<string> {
  const object = container.sourceCode?.cloudStorageSource.object;
  if (object === undefined) {
    throw new Error("The setting image deploys a container image; the local run needs the bundle.");
  }
  const isUploaded = ({ type, inputs }: DeclaredResource) =>
    type === BUCKET_OBJECT && inputs.name === object;
  const uploaded = stack.resources.find(isUploaded);
  if (uploaded === undefined) throw new Error(`The program uploads no ${object}.`);
  return await (uploaded.inputs.source as asset.FileAsset).path;
}

function readEnvironment(stack: DeclaredStack, container: Container): Record<string, string> {
  const secrets = findSecrets(stack);
  const entries = container.envs.map(({ name, value, valueSource }) => {
    const secret = valueSource?.secretKeyRef.secret;
    if (secret === undefined) return [name, value ?? ""] as const;
    const payload = secrets.find((one) => one.secret === secret)?.payload;
    if (payload === undefined) throw new Error(`${name} refers to ${secret}, which has no value.`);
    return [name, payload] as const;
  });
  return Object.fromEntries(entries);
}

const READINESS_SUCCESSES = 2;

/** Cloud Run's defaults: https://cloud.google.com/run/docs/configuring/healthchecks */
function readProbe(probe: DeclaredProbe | undefined, successes = 1): Probe | undefined {
  if (probe?.httpGet === undefined) return undefined;
  return {
    path: probe.httpGet.path ?? "/",
    initialDelaySeconds: probe.initialDelaySeconds ?? 0,
    periodSeconds: probe.periodSeconds ?? 10,
    timeoutSeconds: probe.timeoutSeconds ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
    successThreshold: probe.successThreshold ?? successes,
  };
}
