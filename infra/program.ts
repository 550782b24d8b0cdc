import type { Output } from "@pulumi/pulumi";
import { type Api, Apis } from "./apis.ts";
import { readConfig, type StackConfig } from "./config.ts";
import { type DeployedArchive, type Release, ServiceBundle } from "./serviceBundle.ts";
import { SessionKey } from "./sessionKey.ts";
import { WebService } from "./webService.ts";

/** What `pulumi stack output` shows. None of it is secret. */
export interface StackOutputs {
  /** Address of the web service. */
  readonly url: Output<string>;
  /** What the OpenID Connect provider is told to send visitors back to. */
  readonly signInRedirectUri: Output<string>;
  /** SECRET_KEY as `npm run rotate` and the service name it: sm://PROJECT/SECRET. */
  readonly secretKey: string;
  /** Digest of the bundle, or reference of the image, that is deployed. */
  readonly release: string;
  /** Name of the Cloud Run service, as gcloud takes it. */
  readonly service: Output<string>;
  /** Newest revision that can serve: what `phoenix:traffic` may name later on. */
  readonly revision: Output<string>;
}

/**
 * Declares the whole stack.
 *
 * @param buildArchive Called if the bundle is deployed, not if an image is.
 * @throws ConfigError before anything is declared.
 */
export async function declareStack(buildArchive: () => DeployedArchive): Promise<StackOutputs> {
  const { config, oidcClientSecret } = readConfig();
  const { project, region, labels } = config;
  const prefix = `phoenix-${config.environment}`;
  const names: Api[] = ["iam", "logging", "monitoring", "run", "secretmanager", "storage"];
  const apis = new Apis("apis", { project, names });
  const archive = config.image === undefined ? buildArchive() : undefined;
  const bundle = new ServiceBundle("bundle", {
    project,
    region,
    bucketName: `${project}-${prefix}-bundles`,
    labels,
    archive,
    keepBundles: config.deletionProtection,
    storageApi: apis.of("storage"),
  });
  const sessionKey = new SessionKey("session-key", {
    project,
    secretId: `${prefix}-SECRET_KEY`,
    labels,
    deletionProtection: config.deletionProtection,
    rotation: undefined,
    secretManagerApi: apis.of("secretmanager"),
  });
  const web = new WebService("web", {
    config,
    serviceName: prefix,
    apis,
    release: releaseOf(config, bundle),
    sessionKey,
    oidcClientSecret: config.signIn && oidcClientSecret,
  });
  return {
    url: web.url,
    signInRedirectUri: web.url.apply((url) => `${url}/login/callback`),
    secretKey: sessionKey.reference,
    release: config.image ?? `sha256:${archive?.sha256}`,
    service: web.service.name,
    revision: web.service.latestReadyRevision,
  };
}

function releaseOf(config: StackConfig, bundle: ServiceBundle): Release {
  if (config.image !== undefined) return { image: config.image };
  if (bundle.source === undefined) throw new Error("There is neither an image nor a bundle.");
  return { baseImageUri: config.baseImageUri, source: bundle.source };
}
