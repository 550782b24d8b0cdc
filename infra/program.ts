import { log, type Output, type ResourceHook } from "@pulumi/pulumi";
import { type Api, Apis } from "./apis.ts";
import { type DeployedArchive, type Release, ServiceBundle } from "./bundle/serviceBundle.ts";
import { rotatorEnvironment, webEnvironment } from "./config/environment.ts";
import { LOCAL_STACK } from "./config/place.ts";
import { readConfig, type StackConfig } from "./config/stackConfig.ts";
import { checkEndedLocation } from "./ended/endedLocation.ts";
import { EndedSessions } from "./ended/endedSessions.ts";
import type { FirstVersionOptions } from "./keys/firstVersion.ts";
import { checkReplication } from "./keys/replication.ts";
import { SessionKey } from "./keys/sessionKey.ts";
import { Monitoring } from "./monitoring/monitoring.ts";
import { KeyRotator } from "./rotation/keyRotator.ts";
import { planSchedule, readSecret } from "./rotation/rotationSchedule.ts";
import { RotationTopic } from "./rotation/rotationTopic.ts";
import { publicUrlOf } from "./web/publicUrl.ts";
import { WebService } from "./web/webService.ts";

/** What `npx pulumi stack output` shows. None of it is secret. */
export interface StackOutputs {
  /** Address of the web service. */
  readonly url: Output<string>;
  /** What the OpenID Connect provider is told to send visitors back to. */
  readonly signInRedirectUri: Output<string>;
  /** Where it sends visitors back to after they sign out there. */
  readonly postLogoutRedirectUri: Output<string>;
  /** SECRET_KEY as `npm run rotate` and the service name it: sm://PROJECT/SECRET. */
  readonly secretKey: string;
  /** Where the sessions that have ended are, as the service takes it: gs://BUCKET. */
  readonly endedSessions: string;
  /** The provider that user IDs are of; empty where nobody can sign in yet. */
  readonly oidcIssuer: string;
  /** What a rotation has to know of the service. */
  readonly keyPolicy: KeyPolicy;
  /** Digest of the bundle, or reference of the image, that is deployed. */
  readonly release: string;
  /** Name of the Cloud Run service, as gcloud takes it. */
  readonly service: Output<string>;
  /** Newest revision that can serve: what the setting `traffic` may name later on. */
  readonly revision: Output<string>;
}

/** How the service uses SECRET_KEY's versions, in seconds. */
export interface KeyPolicy {
  /** For how long a new version is accepted before it signs. */
  readonly activationDelay: number;
  /** Between two readings of the list of versions by one instance. */
  readonly refreshInterval: number;
  /** From sign-in until a session ends, so for how long a replaced version is needed. */
  readonly sessionLifetime: number;
}

/** What a deployment does beside the resources. */
export interface StackHooks {
  /** Before the web service: adds the first version of SECRET_KEY. */
  firstVersion(options: FirstVersionOptions): ResourceHook;
  /** After a grant that a revision can't wait for. */
  grantPropagation(): ResourceHook;
}

/**
 * Declares the whole stack.
 *
 * @param buildArchive Called if the bundle is deployed, not if an image is.
 * @param hooks Undefined where nothing is deployed.
 * @throws ConfigError before anything is declared.
 */
export async function declareStack(
  buildArchive: () => DeployedArchive,
  hooks?: StackHooks,
): Promise<StackOutputs> {
  const { config, oidcClientSecret } = readConfig();
  for (const note of config.notes) await log.info(note);
  const { product, environment, project, region, labels, names, rotationPeriod } = config;
  const { values } = config.service;
  const current = await readSecret(project, names.secretKey);
  const setting = `${product}:secretLocations`;
  const locations = config.secretLocations;
  checkReplication({ setting, stack: environment, locations }, current);
  const publicUrl =
    environment === LOCAL_STACK
      ? undefined
      : await publicUrlOf({ project, region, service: names.web });
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
  const bundle = new ServiceBundle("bundle", {
    project,
    region,
    bucketName: names.bucket,
    labels,
    archive,
    keepBundles: config.deletionProtection,
    storageApi: apis.of("storage"),
  });
  const release = releaseOf(config, bundle);

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
  const web = new WebService("web", {
    project,
    region,
    labels,
    serviceName: names.web,
    apis,
    release,
    environment: webEnvironment(config, sessionKey.reference, publicUrl, endedSessions.reference),
    sessionKey,
    endedSessions,
    clientSecret: oidcClientSecret && {
      secretId: names.clientSecret,
      value: oidcClientSecret,
      locations,
      afterGrant: hooks?.grantPropagation(),
    },
    capacity: config,
    publicAccess: config.publicAccess,
    traffic: config.traffic,
    redeploy: config.redeploy,
    deletionProtection: config.deletionProtection,
    before: hooks?.firstVersion({ secretKey: sessionKey.reference, stack: environment }),
  });
  if (events !== undefined) {
    new KeyRotator("rotator", {
      project,
      region,
      labels,
      names,
      apis,
      release,
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
    rotationPeriod,
    alertEmails: config.alertEmails,
    alertChannels: config.alertChannels,
    url: web.url,
    letIn: config.publicAccess === "private" ? (to) => web.letIn(to) : undefined,
  });

  return {
    url: web.url,
    signInRedirectUri: web.url.apply((url) => `${publicUrl ?? url}/login/callback`),
    postLogoutRedirectUri: web.url.apply((url) => `${publicUrl ?? url}/signed-out`),
    secretKey: sessionKey.reference,
    endedSessions: endedSessions.reference,
    oidcIssuer: values.oidcIssuer?.href ?? "",
    keyPolicy: {
      activationDelay: values.keyActivationDelay,
      refreshInterval: config.keyRefreshInterval,
      sessionLifetime: values.sessionLifetime,
    },
    release: config.image ?? `sha256:${archive?.sha256}`,
    service: web.service.name,
    // Google names it in full: projects/P/locations/L/services/S/revisions/R.
    revision: web.service.latestReadyRevision.apply((name) => name.split("/").at(-1) ?? name),
  };
}

function apisOf({ rotationPeriod }: StackConfig): Api[] {
  const always: Api[] = ["iam", "logging", "monitoring", "run", "secretmanager", "storage"];
  return rotationPeriod === undefined ? always : [...always, "pubsub"];
}

function releaseOf(config: StackConfig, bundle: ServiceBundle): Release {
  if (config.image !== undefined) return { image: config.image };
  if (bundle.source === undefined) throw new Error("There is neither an image nor a bundle.");
  const { region, baseImage } = config;
  // Each region has Google's images for itself.
  const baseImageUri = `${region}-docker.pkg.dev/serverless-runtimes/${baseImage}`;
  return { baseImageUri, source: bundle.source };
}
