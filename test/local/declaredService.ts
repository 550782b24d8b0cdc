import type { asset } from "@pulumi/pulumi";
import type { DeclaredResource, DeclaredStack } from "../support/declaredStack.ts";
import type { Probe } from "./instance.ts";

/** A Cloud Run service as the program declares it, in what matters for running it. */
export interface DeclaredService {
  readonly region: string;
  /** The archive that it runs: path of a tar.gz. */
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

/** A secret that the program makes. */
export interface DeclaredSecret {
  readonly project: string;
  readonly secret: string;
  /** How long a destroyed version can be brought back, such as `604800s`; undefined: not at all. */
  readonly versionDestroyTtl: unknown;
  /** Value of the version that the program makes; undefined if it makes none. */
  readonly payload: string | undefined;
}

/** The part of a service's inputs that is read here; the names are the provider's. */
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
 * Takes the web service of each region out of what the program declares, with the archive that is
 * uploaded for it and the secrets that its environment refers to.
 *
 * @param regions The order of the result.
 * @throws Error if the program declares something that can't be run here
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

/** The program's secrets: SECRET_KEY, and the provider's client secret with its value. */
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

/** Type of the component that each region's web service is part of. */
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
