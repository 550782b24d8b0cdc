import { randomBytes } from "node:crypto";
import { type Archive, buildArchive } from "../../infra/bundle/archive.ts";
import { ensureFirstVersion } from "../../infra/keys/firstVersion.ts";
import { evaluateStack, REPOSITORY } from "../support/declaredStack.ts";
import {
  type DeclaredSecret,
  type DeclaredService,
  findSecrets,
  findWebServices,
} from "./declaredService.ts";
import type { Fleet, FleetEvents } from "./fleet.ts";
import type { ProviderName } from "./identity/behaviors.ts";
import { type IdentityProvider, startIdentityProvider } from "./identityProvider.ts";
import type { Revision } from "./instance.ts";
import { LOCAL_REGIONS, type Region, Regions, type RegionsEvents } from "./regions.ts";
import { RunFolder } from "./runFolder.ts";
import { type RunningSecretManager, startSecretManager } from "./secretManager.ts";
import { mapSources, SOURCE_MAPS } from "./sourceMap.ts";
import { type RunningStorage, startStorage } from "./storage.ts";

/** Ports on this machine; 0: any free one. */
export interface Ports {
  readonly site: number;
  readonly identityProvider: number;
  readonly secretManager: number;
}

export interface DeploymentOptions {
  readonly ports?: Ports;
  /** Instances in each region; default: the declared minimum, and at least three. */
  readonly instances?: number | undefined;
  /** Number of regions, 1 (default) to 3. */
  readonly regions?: number;
  /** Settings of the stack, over its defaults. */
  readonly config?: Readonly<Record<string, string>>;
  /** Environment of the service, over the declared one. LOG_LEVEL may not be above info. */
  readonly env?: Readonly<Record<string, string>>;
  /** File that keeps SECRET_KEY between runs; default: nothing is kept. */
  readonly state?: string;
  /** Whether the public URL is https. */
  readonly https?: boolean;
  /** Whether instances lose their CPU while they have no request, if that is declared. */
  readonly cpuIdle?: boolean;
  /** Creates the listeners for the events of a region. */
  readonly events?: (region: string) => FleetEvents;
  readonly regionsEvents?: RegionsEvents;
  /** Provider whose behavior the local one imitates. */
  readonly provider?: ProviderName;
  /** Unix time in seconds, for Secret Manager and Cloud Storage; default: this machine's. */
  readonly clock?: () => number;
  /** Whether stack traces show the service's sources. */
  readonly sourceMaps?: boolean;
  /** An existing archive; default: builds one. */
  readonly archive?: Archive;
}

/** The original fault needs two instances, and is more visible with three. */
const LEAST_INSTANCES = 3;
const ANY_PORTS: Ports = { site: 0, identityProvider: 0, secretManager: 0 };
const LOOPBACK = "127.0.0.1";
const CLIENT_ID = "phoenix-local";
/** Several regions require the setting `domain`. The site is served at localhost all the same. */
const DOMAIN = "phoenix.localhost";

/** A port of the deployment is taken. */
export class PortTakenError extends Error {
  readonly code = "PORT_TAKEN";
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} is taken.`);
    this.port = port;
  }
}

/**
 * The stack on this machine: the services that the Pulumi program declares for stack `local`, with
 * stand-ins for Secret Manager and Cloud Storage, and a sign-in provider.
 */
export class LocalDeployment implements AsyncDisposable {
  readonly regions: Regions;
  /** Of the first region. */
  readonly service: DeclaredService;
  readonly identityProvider: IdentityProvider;
  readonly secretManager: RunningSecretManager;
  /** Has the bucket of ended sessions. */
  readonly storage: RunningStorage;
  /** Resource name of SECRET_KEY: `projects/PROJECT/secrets/SECRET`. */
  readonly secretKey: string;
  readonly #folder: RunFolder;
  readonly #sourceMaps: boolean;
  #archive: string;

  private constructor(parts: Parts, regions: Regions) {
    this.regions = regions;
    this.service = parts.service;
    this.identityProvider = parts.identityProvider;
    this.secretManager = parts.secretManager;
    this.storage = parts.storage;
    this.secretKey = secretNameOf(parts.service);
    this.#folder = parts.folder;
    this.#sourceMaps = parts.sourceMaps;
    this.#archive = parts.service.archive;
  }

  /**
   * @throws PortTakenError, RevisionFailedError if the service does not get ready, BundleError if
   * it does not compile, and infra's ConfigError
   */
  static async start(options: DeploymentOptions = {}): Promise<LocalDeployment> {
    const ports = options.ports ?? ANY_PORTS;
    const opened: (() => unknown)[] = [];
    try {
      const clientSecret = randomBytes(24).toString("base64url");
      const identityProvider = await onPort(ports.identityProvider, (port) =>
        startIdentityProvider({
          port,
          clientId: CLIENT_ID,
          clientSecret,
          ...(options.provider && { provider: options.provider }),
        }),
      );
      opened.push(() => identityProvider.close());
      const secretManager = await onPort(ports.secretManager, (port) =>
        startSecretManager({
          port,
          ...(options.clock && { clock: options.clock }),
          ...(options.state !== undefined && { state: options.state }),
        }),
      );
      opened.push(() => secretManager.close());
      const storage = await startStorage({
        ...(options.clock && { clock: options.clock }),
        ...(options.state !== undefined && { state: `${options.state}.ended` }),
      });
      opened.push(() => storage.close());
      const names = LOCAL_REGIONS.slice(0, options.regions ?? 1);
      const stack = await evaluateStack(
        "local",
        {
          ...(names.length > 1 && {
            regions: names.join(","),
            domain: DOMAIN,
            // A region without an instance would not fail over.
            minInstances: "1",
          }),
          oidcIssuer: identityProvider.issuer,
          oidcClientId: CLIENT_ID,
          oidcClientSecret: clientSecret,
          // The log has the requests that are shown, and the ports of the instances.
          logLevel: "info",
          ...options.config,
        },
        { buildArchive: () => options.archive ?? buildArchive(), directory: REPOSITORY },
      );
      const services = await findWebServices(stack, names);
      const [service] = services;
      if (service === undefined) throw new Error("The program declares no web service.");
      createBucket(storage, service);
      const secret = findSecrets(stack).find((one) => secretName(one) === secretNameOf(service));
      if (secret !== undefined) createSecret(secretManager, secret);
      await ensureFirstVersion({
        secretKey: service.env.SECRET_KEY ?? "",
        stack: "local",
        env: { SECRET_MANAGER_ENDPOINT: secretManager.url },
      });
      const folder = new RunFolder();
      opened.push(() => folder.remove());
      const directory = folder.unpack(service.archive);
      if (options.sourceMaps) mapSources(directory);
      const env = {
        SECRET_MANAGER_ENDPOINT: secretManager.url,
        CLOUD_STORAGE_ENDPOINT: storage.url,
        LISTEN_ADDRESS: LOOPBACK,
        ...(options.sourceMaps && { NODE_OPTIONS: SOURCE_MAPS.join(" ") }),
        ...options.env,
      };
      const cpuIdle = options.cpuIdle ?? false;
      const regions = await onPort(ports.site, (port) =>
        Regions.start({
          regions: services.map((declared) => ({
            name: declared.region,
            revision: revisionOf(declared, { directory, env, cpuIdle }),
            instances: options.instances ?? instancesOf(declared),
            ...(options.events && { events: options.events(declared.region) }),
          })),
          port,
          proto: options.https ? "https" : "http",
          ...(options.regionsEvents && { events: options.regionsEvents }),
        }),
      );
      const sourceMaps = options.sourceMaps ?? false;
      const stored = { secretManager, storage };
      const parts = { service, identityProvider, ...stored, folder, sourceMaps };
      return new LocalDeployment(parts, regions);
    } catch (error) {
      for (const close of opened.reverse()) await close();
      throw error;
    }
  }

  get url(): string {
    return this.regions.url;
  }

  /** The first region's. @throws Error while that region is away */
  get fleet(): Fleet {
    return (this.regions.all[0] as Region).fleet;
  }

  /**
   * Deploys another archive, or the same one with another environment, without losing a request.
   * Returns false if neither differs.
   *
   * @throws RevisionFailedError if it does not get ready; the earlier revision keeps running.
   */
  async roll({
    archive,
    env,
  }: {
    archive?: string;
    env?: Record<string, string>;
  }): Promise<boolean> {
    if (env === undefined && archive === this.#archive) return false;
    const directory = this.#folder.unpack(archive ?? this.#archive);
    if (this.#sourceMaps) mapSources(directory);
    await this.regions.roll(directory, env);
    this.#archive = archive ?? this.#archive;
    return true;
  }

  /** Ends all processes and servers, and removes the unpacked archives. */
  async close(): Promise<void> {
    await this.regions.close();
    const { identityProvider, secretManager, storage } = this;
    await Promise.all([identityProvider.close(), secretManager.close(), storage.close()]);
    this.#folder.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Parts {
  readonly service: DeclaredService;
  readonly identityProvider: IdentityProvider;
  readonly secretManager: RunningSecretManager;
  readonly storage: RunningStorage;
  readonly folder: RunFolder;
  readonly sourceMaps: boolean;
}

function revisionOf(
  { command, env, startupProbe, livenessProbe, readinessProbe, cpuIdle }: DeclaredService,
  over: Pick<Revision, "directory" | "env"> & { readonly cpuIdle: boolean },
): Revision {
  return {
    directory: over.directory,
    command,
    env: { ...env, ...over.env },
    startupProbe,
    livenessProbe,
    readinessProbe,
    cpuIdle: over.cpuIdle && cpuIdle,
  };
}

async function onPort<Started>(
  port: number,
  start: (port: number) => Promise<Started>,
): Promise<Started> {
  try {
    return await start(port);
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    throw taken ? new PortTakenError(port) : error;
  }
}

/** Creates the secret, unless an earlier run has. */
function createSecret(
  { standIn: { store } }: RunningSecretManager,
  { project, secret, versionDestroyTtl }: DeclaredSecret,
): void {
  try {
    store.createSecret(project, secret, { replication: { automatic: {} }, versionDestroyTtl });
  } catch (error) {
    if ((error as { status?: unknown }).status !== "ALREADY_EXISTS") throw error;
  }
}

/** Creates the bucket of ended sessions, unless an earlier run has. */
function createBucket({ standIn: { objects } }: RunningStorage, { env }: DeclaredService): void {
  const [, bucket] = /^gs:\/\/(.+)$/.exec(env.ENDED_SESSIONS ?? "") ?? [];
  if (bucket === undefined) {
    throw new Error("The declared ENDED_SESSIONS is not gs://BUCKET.");
  }
  if (!objects.hasBucket(bucket)) objects.createBucket(bucket);
}

function instancesOf({ minInstances, maxInstances }: DeclaredService): number {
  return Math.min(Math.max(minInstances, LEAST_INSTANCES), maxInstances);
}

function secretName({ project, secret }: { project: string; secret: string }): string {
  return `projects/${project}/secrets/${secret}`;
}

/** Resource name of the service's SECRET_KEY, which is `sm://PROJECT/SECRET`. */
function secretNameOf({ env }: DeclaredService): string {
  const [, project, secret] = /^sm:\/\/([^/]+)\/([^/]+)$/.exec(env.SECRET_KEY ?? "") ?? [];
  if (project === undefined || secret === undefined) {
    throw new Error("The declared SECRET_KEY is not sm://PROJECT/SECRET.");
  }
  return secretName({ project, secret });
}
