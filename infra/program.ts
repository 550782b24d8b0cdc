import { log, type Output, output, type ResourceHook } from "@pulumi/pulumi";
import { type Api, Apis } from "./apis.ts";
import {
  type BundleSource,
  type DeployedArchive,
  type Release,
  ServiceBundle,
} from "./bundle/serviceBundle.ts";
import { rotatorEnvironment, webEnvironment } from "./config/environment.ts";
import { LOCAL_STACK } from "./config/placement.ts";
import { readConfig, type StackConfig } from "./config/stackConfig.ts";
import { LoadBalancer } from "./domain/loadBalancer.ts";
import { checkEndedLocation } from "./ended/endedLocation.ts";
import { EndedSessions } from "./ended/endedSessions.ts";
import type { FirstVersionOptions } from "./keys/firstVersion.ts";
import { checkReplication } from "./keys/replication.ts";
import { SessionKey } from "./keys/sessionKey.ts";
import { Monitoring } from "./monitoring/monitoring.ts";
import { bundlesBucket } from "./names.ts";
import { KeyRotator } from "./rotation/keyRotator.ts";
import { planSchedule, readSecret } from "./rotation/rotationSchedule.ts";
import { RotationTopic } from "./rotation/rotationTopic.ts";
import { noteOfMove } from "./web/move.ts";
import { publicUrlOf } from "./web/publicUrl.ts";
import { WebAccount } from "./web/webAccount.ts";
import { WebService } from "./web/webService.ts";

/** The stack's outputs (`npx pulumi stack output`). None is secret. */
interface StackOutputs {
  /** Address of the web service. */
  readonly url: Output<string>;
  /** IPv4 address of the load balancer; empty without a domain. */
  readonly address: Output<string>;
  /** DNS records that the domain needs, as lines of a zone file; empty without a domain. */
  readonly dnsRecords: Output<string>;
  /** Redirect URI to register with the OpenID Connect provider. */
  readonly signInRedirectUri: Output<string>;
  /** Post-logout redirect URI to register with it. */
  readonly postLogoutRedirectUri: Output<string>;
  /** The value of SECRET_KEY: sm://PROJECT/SECRET. */
  readonly secretKey: string;
  /** The value of ENDED_SESSIONS: gs://BUCKET. */
  readonly endedSessions: string;
  /** The OpenID Connect provider that issues user IDs; empty until one is configured. */
  readonly oidcIssuer: string;
  /** What `npm run rotate` needs to know about the service. */
  readonly keyPolicy: KeyPolicy;
  /** What is deployed: the bundle's digest, or the image's reference. */
  readonly release: string;
  /** Name of the Cloud Run service, as gcloud takes it. */
  readonly service: string;
  /**
   * The newest revision that is ready in each region, as REGION/REVISION, which the setting
   * `traffic` takes.
   */
  readonly revisions: Output<string[]>;
}

/** How the service uses SECRET_KEY's versions, in seconds. */
interface KeyPolicy {
  /** From a version's creation until it signs. Instances accept it from the start. */
  readonly activationDelay: number;
  /** Between two refreshes of the key ring by one instance. */
  readonly refreshInterval: number;
  /** From sign-in until a session ends: a replaced version is needed for that long. */
  readonly sessionLifetime: number;
}

/** Hooks that run during a deployment. */
export interface StackHooks {
  /** Runs before the web service is created or updated: adds the first version of SECRET_KEY. */
  firstVersion(options: FirstVersionOptions): ResourceHook;
  /** Runs after the client secret's grant is created: waits until the grant has propagated. */
  grantPropagation(): ResourceHook;
}

/**
 * Declares the whole stack.
 *
 * @param buildArchive Called only if the bundle is deployed, and not an image.
 * @param hooks Undefined where the program is only evaluated, as in the local run and in tests.
 * @throws ConfigError before anything is declared.
 */
export async function declareStack(
  buildArchive: () => DeployedArchive,
  hooks?: StackHooks,
): Promise<StackOutputs> {
  const { config, oidcClientSecret } = readConfig();
  for (const note of config.notes) await log.info(note);
  const { product, environment, project, region, labels, names, rotationPeriod, domain } = config;
  const { values } = config.service;
  const current = await readSecret(project, names.secretKey);
  const setting = `${product}:secretLocations`;
  const locations = config.secretLocations;
  checkReplication({ setting, stack: environment, locations }, current);
  const publicUrl =
    environment === LOCAL_STACK
      ? undefined
      : await publicUrlOf({ project, region, service: names.web, domain });
  const move = publicUrl && (await noteOfMove({ project, region, service: names.web, publicUrl }));
  if (move) await log.warn(move);
  const schedule =
    rotationPeriod === undefined ? undefined : planSchedule(rotationPeriod, current, new Date());

  await checkEndedLocation(
    names.ended,
    config.endedLocation,
    `${product}:endedLocation`,
    environment,
  );

  const apis = new Apis("apis", { project, names: apisOf(config) });
  const archive = config.image === undefined ? buildArchive() : undefined;
  const bundles = new Map(
    config.regions.map((each) => [
      each,
      new ServiceBundle(`bundles-${each}`, {
        project,
        region: each,
        bucketName: bundlesBucket(project, config, each),
        labels,
        archive,
        keepBundles: config.deletionProtection,
        storageApi: apis.of("storage"),
      }),
    ]),
  );
  const releaseIn = (each: string) => releaseOf(config, each, bundles.get(each)?.source);

  const events =
    schedule &&
    new RotationTopic("secret-events", { project, topicName: names.secretEvents, labels, apis });
  const sessionKey = new SessionKey("session-key", {
    project,
    secretId: names.secretKey,
    labels,
    deletionProtection: config.deletionProtection,
    locations,
    rotation: schedule && events && { ...events, schedule },
    secretManagerApi: apis.of("secretmanager"),
  });
  const endedSessions = new EndedSessions("ended-sessions", {
    project,
    bucketName: names.ended,
    location: config.endedLocation,
    labels,
    deletionProtection: config.deletionProtection,
    storageApi: apis.of("storage"),
  });
  const account = new WebAccount("web", {
    project,
    labels,
    accountId: names.web,
    apis,
    sessionKey,
    endedSessions,
    clientSecret: oidcClientSecret && {
      secretId: names.clientSecret,
      value: oidcClientSecret,
      locations,
      afterGrant: hooks?.grantPropagation(),
    },
  });
  const before = hooks?.firstVersion({ secretKey: sessionKey.reference, stack: environment });
  const services = config.regions.map(
    (each) =>
      new WebService(`web-${each}`, {
        project,
        region: each,
        labels,
        serviceName: names.web,
        apis,
        release: releaseIn(each),
        environment: webEnvironment(
          config,
          sessionKey.reference,
          publicUrl,
          endedSessions.reference,
        ),
        account,
        capacity: config,
        publicAccess: config.publicAccess,
        domain,
        traffic: config.traffic.filter((share) => share.region === each),
        redeploy: config.redeploy,
        deletionProtection: config.deletionProtection,
        before,
      }),
  );
  const loadBalancer =
    domain === undefined
      ? undefined
      : new LoadBalancer("domain", {
          project,
          labels,
          prefix: names.web,
          domain,
          services: services.map(({ region: each, service }) => ({
            region: each,
            name: service.name,
          })),
          requestsPerMinute: config.requestsPerMinute,
          apis,
        });
  const url = services[0]?.url ?? output("");
  if (events !== undefined) {
    new KeyRotator("rotator", {
      project,
      region,
      labels,
      names,
      apis,
      release: releaseIn(region),
      environment: rotatorEnvironment(config, sessionKey.reference),
      sessionKey,
      topic: events.topic,
    });
  }
  new Monitoring("monitoring", {
    id: { product, environment },
    project,
    labels,
    names,
    apis,
    regions: config.regions,
    warm: config.minInstances > 0,
    rotationPeriod,
    alertEmails: config.alertEmails,
    alertChannels: config.alertChannels,
    url,
    awaitsDns: domain !== undefined,
    grantInvoker:
      config.publicAccess === "private"
        ? (to) => services.map((service) => service.grantInvoker(to))
        : undefined,
  });

  return {
    url,
    address: loadBalancer?.address ?? output(""),
    dnsRecords: loadBalancer?.dnsRecords ?? output(""),
    signInRedirectUri: url.apply((own) => `${publicUrl ?? own}/login/callback`),
    postLogoutRedirectUri: url.apply((own) => `${publicUrl ?? own}/signed-out`),
    secretKey: sessionKey.reference,
    endedSessions: endedSessions.reference,
    oidcIssuer: values.oidcIssuer?.href ?? "",
    keyPolicy: {
      activationDelay: values.keyActivationDelay,
      refreshInterval: config.keyRefreshInterval,
      sessionLifetime: values.sessionLifetime,
    },
    release: config.image ?? `sha256:${archive?.sha256}`,
    service: names.web,
    revisions: output(services.map(({ revision }) => revision)),
  };
}

function apisOf({ rotationPeriod, domain }: StackConfig): Api[] {
  const always: Api[] = ["iam", "logging", "monitoring", "run", "secretmanager", "storage"];
  return [
    ...always,
    ...(rotationPeriod === undefined ? [] : (["pubsub"] as const)),
    ...(domain === undefined ? [] : (["certificatemanager", "compute"] as const)),
  ];
}

function releaseOf(config: StackConfig, region: string, source: BundleSource | undefined): Release {
  if (config.image !== undefined) return { image: config.image };
  if (source === undefined)
    throw new Error(`There is neither an image nor a bundle for ${region}.`);
  // Google's base images have a repository per region.
  const baseImageUri = `${region}-docker.pkg.dev/serverless-runtimes/${config.baseImage}`;
  return { baseImageUri, source };
}
