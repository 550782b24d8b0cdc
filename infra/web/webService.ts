import { Service } from "@pulumi/gcp/cloudrunv2/service.js";
import { ServiceIamMember } from "@pulumi/gcp/cloudrunv2/serviceIamMember.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Output,
  type Resource,
} from "@pulumi/pulumi";
import type { DeclaredEnvironment, WebVariable } from "../../service/contract/environment.ts";
import type { Apis } from "../apis.ts";
import type { Release } from "../bundle/serviceBundle.ts";
import type { TrafficShare } from "../config/release.ts";
import type { StackConfig } from "../config/stackConfig.ts";
import type { SessionKey } from "../keys/sessionKey.ts";
import type { StackNames } from "../names.ts";
import { ClientSecret } from "./clientSecret.ts";
import { type EnvironmentValue, serviceContainer } from "./serviceContainer.ts";

export interface WebServiceArgs {
  readonly config: StackConfig;
  readonly names: StackNames;
  readonly apis: Apis;
  readonly release: Release;
  readonly sessionKey: SessionKey;
  /** A Pulumi secret. Undefined where nobody can sign in yet. */
  readonly oidcClientSecret: Output<string> | undefined;
}

/** The web service, its account and what that account may read. */
export class WebService extends ComponentResource {
  readonly service: Service;
  /** The address that Google documents as stable: https://SERVICE-NUMBER.REGION.run.app. */
  readonly url: Output<string>;

  constructor(name: string, args: WebServiceArgs, opts?: ComponentResourceOptions) {
    super("phoenix:infra:WebService", name, {}, opts);
    const { config, names, apis, sessionKey } = args;
    const account = new Account(
      name,
      {
        project: config.project,
        accountId: names.web,
        displayName: `Phoenix ${config.environment}: web service`,
      },
      { parent: this, dependsOn: [apis.of("iam")] },
    );
    const clientSecret =
      args.oidcClientSecret &&
      new ClientSecret(
        "oidc-client-secret",
        {
          project: config.project,
          secretId: names.clientSecret,
          labels: config.labels,
          value: args.oidcClientSecret,
          reader: account.member,
          secretManagerApi: apis.of("secretmanager"),
        },
        { parent: this },
      );
    const needed: Resource[] = [
      apis.of("run"),
      // The first instance reads the keys before it is ready.
      sessionKey.firstVersion,
      sessionKey.grant("secretAccessor", { name, member: account.member }),
      sessionKey.grant("viewer", { name, member: account.member }),
      ...(clientSecret ? [clientSecret.version, clientSecret.grant] : []),
    ];
    this.service = new Service(
      name,
      {
        project: config.project,
        location: config.region,
        name: names.web,
        labels: { ...config.labels },
        ingress: "INGRESS_TRAFFIC_ALL",
        invokerIamDisabled: config.publicAccess === "invokerIamDisabled",
        deletionProtection: config.deletionProtection,
        template: {
          labels: { ...config.labels },
          serviceAccount: account.email,
          maxInstanceRequestConcurrency: config.concurrency,
          // Clips are sent from here, and a phone may take its time.
          timeout: "300s",
          scaling: {
            minInstanceCount: config.minInstances,
            maxInstanceCount: config.maxInstances,
          },
          containers: [
            serviceContainer({
              release: args.release,
              entry: "index.js",
              environment: webEnvironment(config, sessionKey.reference, clientSecret?.reference),
              cpu: config.cpu,
              memory: config.memory,
            }),
          ],
        },
        traffics:
          config.traffic.length > 0
            ? config.traffic.map(trafficTarget)
            : [trafficTarget({ percent: 100 })],
      },
      { parent: this, protect: config.deletionProtection, dependsOn: needed },
    );
    if (config.publicAccess === "allUsers") {
      new ServiceIamMember(
        `${name}-public`,
        {
          project: config.project,
          location: config.region,
          name: this.service.name,
          role: "roles/run.invoker",
          member: "allUsers",
        },
        { parent: this },
      );
    }
    this.url = stableUrl(this.service);
    this.registerOutputs();
  }
}

/** Everything that the web service reads from its environment. */
function webEnvironment(
  config: StackConfig,
  secretKey: string,
  clientSecret: EnvironmentValue | undefined,
): DeclaredEnvironment<WebVariable, EnvironmentValue> {
  return {
    ENVIRONMENT: config.environment,
    GOOGLE_CLOUD_PROJECT: config.project,
    LOG_LEVEL: config.logLevel,
    SECRET_KEY: secretKey,
    SESSION_COOKIE_SECURE: String(config.sessionCookieSecure),
    PERMANENT_SESSION_LIFETIME: String(config.sessionLifetime),
    OIDC_ISSUER: config.signIn?.issuer,
    OIDC_CLIENT_ID: config.signIn?.clientId,
    OIDC_CLIENT_SECRET: clientSecret,
    ALLOWED_USERS: config.allowedUsers.length > 0 ? config.allowedUsers.join(",") : undefined,
    KEY_ACTIVATION_DELAY: String(config.keyActivationDelay),
    KEY_REFRESH_INTERVAL: String(config.keyRefreshInterval),
    // What one instance does by itself is the service's own business: its defaults hold.
    KEY_LOOKUP_INTERVAL: undefined,
    KEY_READ_TIMEOUT: undefined,
    KEY_LOOKUP_BURST: undefined,
    KEY_ABSENT_TTL: undefined,
  };
}

function trafficTarget({ revision, percent }: TrafficShare) {
  return revision === undefined
    ? { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent }
    : { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision, percent };
}

/**
 * Of a service's addresses the one that is made of its name and the project's number, and can be
 * told before the service exists: https://cloud.google.com/run/docs/triggering/https-request
 */
function stableUrl(service: Service): Output<string> {
  return service.urls.apply(
    // Pulumi's mocks make no addresses up.
    (urls = []) => urls.find((url) => /-\d+\.[a-z0-9-]+\.run\.app$/.test(url)) ?? urls[0] ?? "",
  );
}
