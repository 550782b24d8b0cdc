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
import type { ProviderName } from "./identity/manners.ts";
import { type IdentityProvider, startIdentityProvider } from "./identityProvider.ts";
import type { Revision } from "./instance.ts";
import { LOCAL_REGIONS, type Region, Regions, type RegionsEvents } from "./regions.ts";
import { RunFolder } from "./runFolder.ts";
import { type RunningSecretManager, startSecretManager } from "./secretManager.ts";
import { mapSources, SOURCE_MAPS } from "./sourceMap.ts";
import { type RunningStorage, startStorage } from "./storage.ts";

/** Ports of this machine; 0 for any that is free. */
export interface Ports {
  readonly site: number;
  readonly identityProvider: number;
  readonly secretManager: number;
}

export interface DeploymentOptions {
  readonly ports?: Ports;
  /** In each region; as many as are declared, and at least three, if left out. */
  readonly instances?: number | undefined;
  /** How many regions the service runs in: 1 (default) to 3. */
  readonly regions?: number;
  /** Configuration of the stack over its defaults: full names, values as text. */
  readonly config?: Readonly<Record<string, string>>;
  /** Environment of the service over what the program declares; LOG_LEVEL may not be above info. */
  readonly env?: Readonly<Record<string, string>>;
  /** File that keeps SECRET_KEY from one run to the next; if left out, nothing is kept. */
  readonly state?: string;
  /** Whether visitors are supposed to come by https. */
  readonly https?: boolean;
  /** Whether instances lose their CPU while they have no request, as it is declared. */
  readonly cpuIdle?: boolean;
  /** Told what happens in a region. */
  readonly events?: (region: string) => FleetEvents;
  readonly regionsEvents?: RegionsEvents;
  /** Whose manners the sign-in provider has. */
  readonly provider?: ProviderName;
  /** Unix time in seconds, for Secret Manager; the machine's if left out. */
  readonly clock?: () => number;
  /** Whether stacks of errors name the service's sources. */
  readonly sourceMaps?: boolean;
  /** An archive that is there already; one is built if left out. */
  readonly archive?: Archive;
}

/** Shows the fault where there are two instances, and more plainly with three. */
const LEAST_INSTANCES = 3;
const ANY_PORTS: Ports = { site: 0, identityProvider: 0, secretManager: 0 };
/** Not for whoever else is in the network. */
const LOOPBACK = "127.0.0.1";
const CLIENT_ID = "phoenix-local";
/** What several regions need in the stack's configuration. The site is served at localhost. */
const DOMAIN = "phoenix.localhost";

/** A part of the deployment found its port taken. */
export class PortTakenError extends Error {
  readonly code = "PORT_TAKEN";
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} is taken.`);
    this.port = port;
  }
}

/**
 * The stack on this machine: what the Pulumi program declares for stack `local`, with stand-ins for
 * Google's Secret Manager and for the provider that users sign in at.
 */
export class LocalDeployment implements AsyncDisposable {
  readonly regions: Regions;
  /** Of the first region. */
  readonly service: DeclaredService;
  readonly identityProvider: IdentityProvider;
  readonly secretManager: RunningSecretManager;
  /** Where the sessions that have ended are. */
  readonly storage: RunningStorage;
  /** The secret that is SECRET_KEY: `projects/PROJECT/secrets/SECRET`. */
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
          // Requests are shown from the log, and instances say there which port they took.
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
   * Deploys another archive, or the same one with another environment, and loses no request.
   * False if nothing differs.
   *
   * @throws RevisionFailedError if it does not get ready; what runs goes on
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

  /** Ends every process and server, and removes what was unpacked. */
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

/** A secret of an earlier run stays as it is. */
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

/** The bucket that the program declares; one of an earlier run keeps its objects. */
function createBucket({ standIn: { objects } }: RunningStorage, { env }: DeclaredService): void {
  const [, bucket] = /^gs:\/\/(.+)$/.exec(env.ENDED_SESSIONS ?? "") ?? [];
  if (bucket === undefined) {
    throw new Error("The program declares ENDED_SESSIONS that is no gs://BUCKET.");
  }
  if (!objects.hasBucket(bucket)) objects.createBucket(bucket);
}

function instancesOf({ minInstances, maxInstances }: DeclaredService): number {
  return Math.min(Math.max(minInstances, LEAST_INSTANCES), maxInstances);
}

function secretName({ project, secret }: { project: string; secret: string }): string {
  return `projects/${project}/secrets/${secret}`;
}

/** The service's SECRET_KEY, `sm://PROJECT/SECRET`, as Secret Manager's API names it. */
function secretNameOf({ env }: DeclaredService): string {
  const [, project, secret] = /^sm:\/\/([^/]+)\/([^/]+)$/.exec(env.SECRET_KEY ?? "") ?? [];
  if (project === undefined || secret === undefined) {
    throw new Error("The program declares a SECRET_KEY that is no sm://PROJECT/SECRET.");
  }
  return secretName({ project, secret });
}
