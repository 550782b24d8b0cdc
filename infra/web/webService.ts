import { Service } from "@pulumi/gcp/cloudrunv2/service.js";
import { ServiceIamMember } from "@pulumi/gcp/cloudrunv2/serviceIamMember.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Output,
  type Resource,
  type ResourceHook,
} from "@pulumi/pulumi";
import type { ProgramEnvironment } from "../../service/contract/environment.ts";
import type { Apis } from "../apis.ts";
import type { Release } from "../bundle/serviceBundle.ts";
import type { PublicAccess } from "../config/access.ts";
import type { CapacityConfig } from "../config/capacity.ts";
import type { TrafficShare } from "../config/release.ts";
import type { EndedSessions } from "../ended/endedSessions.ts";
import type { Grantee, SessionKey } from "../keys/sessionKey.ts";
import { accountTitle } from "../names.ts";
import { ClientSecret, type ClientSecretArgs } from "./clientSecret.ts";
import { serviceContainer } from "./serviceContainer.ts";

export interface WebServiceArgs {
  readonly project: string;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the Cloud Run service and of its account. */
  readonly serviceName: string;
  readonly apis: Apis;
  readonly release: Release;
  /** Variables that are declared in the open. */
  readonly environment: ProgramEnvironment<"web"> & Readonly<Record<string, string>>;
  /** The secret that SECRET_KEY names. */
  readonly sessionKey: SessionKey;
  /** What ENDED_SESSIONS names. */
  readonly endedSessions: EndedSessions;
  /** Undefined where nobody can sign in yet. */
  readonly clientSecret:
    | Pick<ClientSecretArgs, "secretId" | "value" | "locations" | "afterGrant">
    | undefined;
  readonly capacity: CapacityConfig;
  readonly publicAccess: PublicAccess;
  /** Empty: all traffic goes to the newest revision. */
  readonly traffic: readonly TrafficShare[];
  /** Another word makes a new revision though nothing else differs; empty: no word. */
  readonly redeploy: string;
  readonly deletionProtection: boolean;
  /** Runs before the service is created or updated: its first instance needs a key. */
  readonly before: ResourceHook | undefined;
}

/** The web service, its account and what that account may read. */
export class WebService extends ComponentResource {
  readonly service: Service;
  /** The address that Google documents as stable: https://SERVICE-NUMBER.REGION.run.app. */
  readonly url: Output<string>;

  constructor(name: string, args: WebServiceArgs, opts?: ComponentResourceOptions) {
    super("infra:web:WebService", name, {}, opts);
    const { project, region, labels, serviceName, apis, sessionKey, capacity } = args;
    const account = new Account(
      name,
      {
        project,
        accountId: serviceName,
        displayName: accountTitle(serviceName, "web"),
        // `npm run bootstrap` may have made it, to grant its use to deployments alone.
        createIgnoreAlreadyExists: true,
      },
      { parent: this, dependsOn: [apis.of("iam")] },
    );
    const clientSecret =
      args.clientSecret &&
      new ClientSecret(
        "oidc-client-secret",
        {
          project,
          labels,
          ...args.clientSecret,
          reader: account.member,
          secretManagerApi: apis.of("secretmanager"),
        },
        { parent: this },
      );
    const needed: Resource[] = [
      apis.of("run"),
      sessionKey.secret,
      sessionKey.grant("secretAccessor", { name, member: account.member }),
      sessionKey.grant("viewer", { name, member: account.member }),
      ...args.endedSessions.grantAdding({ name, member: account.member }),
      ...(clientSecret ? [clientSecret.version, clientSecret.grant] : []),
    ];
    this.service = new Service(
      name,
      {
        project,
        location: region,
        name: serviceName,
        labels: { ...labels },
        ingress: "INGRESS_TRAFFIC_ALL",
        invokerIamDisabled: args.publicAccess === "invokerIamDisabled",
        deletionProtection: args.deletionProtection,
        scaling: {
          minInstanceCount: capacity.minInstances,
          maxInstanceCount: capacity.maxInstances,
        },
        template: {
          labels: { ...labels },
          ...(args.redeploy !== "" && { annotations: { redeploy: args.redeploy } }),
          serviceAccount: account.email,
          maxInstanceRequestConcurrency: capacity.concurrency,
          // Files are sent from here, and a phone may take its time.
          timeout: "300s",
          // Every revision in the split would keep its own. Google keeps what is left out here.
          scaling: { minInstanceCount: 0, maxInstanceCount: capacity.maxInstances },
          containers: [
            serviceContainer({
              release: args.release,
              entry: "index.js",
              environment: {
                ...args.environment,
                ...(clientSecret && { OIDC_CLIENT_SECRET: clientSecret.reference }),
              },
              cpu: capacity.cpu,
              memory: capacity.memory,
            }),
          ],
        },
        traffics:
          args.traffic.length > 0
            ? args.traffic.map(trafficTarget)
            : [trafficTarget({ percent: 100 })],
      },
      {
        parent: this,
        protect: args.deletionProtection,
        dependsOn: needed,
        ...(args.before && { hooks: { beforeCreate: [args.before], beforeUpdate: [args.before] } }),
      },
    );
    if (args.publicAccess === "allUsers")
      this.letIn({ name: `${name}-public`, member: "allUsers" });
    this.url = stableUrl(this.service);
    this.registerOutputs();
  }

  /** Lets an account call the service. */
  letIn({ name, member }: Grantee): ServiceIamMember {
    const { project, location } = this.service;
    return new ServiceIamMember(
      name,
      { project, location, name: this.service.name, role: "roles/run.invoker", member },
      { parent: this },
    );
  }
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
