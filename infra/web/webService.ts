import { Service } from "@pulumi/gcp/cloudrunv2/service.js";
import { ServiceIamMember } from "@pulumi/gcp/cloudrunv2/serviceIamMember.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Output,
  output,
  type ResourceHook,
} from "@pulumi/pulumi";
import type { ProgramEnvironment } from "../../service/contract/environment.ts";
import type { Apis } from "../apis.ts";
import type { Release } from "../bundle/serviceBundle.ts";
import type { PublicAccess } from "../config/access.ts";
import type { CapacityConfig } from "../config/capacity.ts";
import type { TrafficShare } from "../config/release.ts";
import type { Grantee } from "../keys/sessionKey.ts";
import { serviceContainer } from "./serviceContainer.ts";
import type { WebAccount } from "./webAccount.ts";

interface WebServiceArgs {
  readonly project: string;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the Cloud Run service, which is the same in each region. */
  readonly serviceName: string;
  readonly apis: Apis;
  readonly release: Release;
  /** Environment variables that are not secret. */
  readonly environment: ProgramEnvironment<"web"> & Readonly<Record<string, string>>;
  /** As which it runs. */
  readonly account: WebAccount;
  readonly capacity: CapacityConfig;
  readonly publicAccess: PublicAccess;
  /** Served by a load balancer, which is then the only way in; undefined: by Cloud Run itself. */
  readonly domain: string | undefined;
  /** Shares of this region's traffic. Empty: all of it goes to the newest revision. */
  readonly traffic: readonly Omit<TrafficShare, "region">[];
  /** Any word. Changing it creates a new revision. */
  readonly redeploy: string;
  readonly deletionProtection: boolean;
  /** Runs before the service is created or updated, whose first instance needs a key. */
  readonly before: ResourceHook | undefined;
}

/** The web service in one region. */
export class WebService extends ComponentResource {
  readonly region: string;
  readonly service: Service;
  /** The deterministic URL: https://SERVICE-NUMBER.REGION.run.app. With a domain, the domain's. */
  readonly url: Output<string>;
  /** The newest revision that is ready, as REGION/REVISION. */
  readonly revision: Output<string>;
  readonly #name: string;

  constructor(name: string, args: WebServiceArgs, opts?: ComponentResourceOptions) {
    super("infra:web:WebService", name, {}, opts);
    const { project, region, labels, serviceName, account, capacity } = args;
    this.#name = name;
    this.region = region;
    this.service = new Service(
      name,
      {
        project,
        location: region,
        name: serviceName,
        labels: { ...labels },
        ...ingressOf(args.domain),
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
          // A slow client can take minutes to load a large file.
          timeout: "300s",
          // Warm instances are set for the service: set here, each revision in a traffic split
          // would have its own. An explicit 0, because Google keeps the earlier value of an omitted
          // field.
          scaling: { minInstanceCount: 0, maxInstanceCount: capacity.maxInstances },
          containers: [
            serviceContainer({
              release: args.release,
              entry: "index.js",
              environment: {
                ...args.environment,
                ...(account.clientSecret && { OIDC_CLIENT_SECRET: account.clientSecret }),
              },
              cpu: capacity.cpu,
              memory: capacity.memory,
              // With a single region too, so that a second one changes nothing in the first.
              failsOver: args.domain !== undefined,
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
        dependsOn: [args.apis.of("run"), ...account.grants],
        ...(args.before && { hooks: { beforeCreate: [args.before], beforeUpdate: [args.before] } }),
      },
    );
    if (args.publicAccess === "allUsers") this.grantInvoker({ name: "public", member: "allUsers" });
    this.url =
      args.domain === undefined ? stableUrl(this.service) : output(`https://${args.domain}`);
    this.revision = this.service.latestReadyRevision.apply(
      // The full resource name: projects/P/locations/L/services/S/revisions/R.
      (full) => `${region}/${full.split("/").at(-1)}`,
    );
    this.registerOutputs();
  }

  /** Grants an account the right to call the service. */
  grantInvoker({ name, member }: Grantee): ServiceIamMember {
    const { project, location } = this.service;
    return new ServiceIamMember(
      `${this.#name}-${name}`,
      { project, location, name: this.service.name, role: "roles/run.invoker", member },
      { parent: this },
    );
  }
}

/** Closes Cloud Run's own address, which would bypass the load balancer's limits. */
function ingressOf(domain: string | undefined) {
  if (domain === undefined) return { ingress: "INGRESS_TRAFFIC_ALL" };
  return {
    ingress: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    defaultUriDisabled: true,
    // Callers of a private service have tokens for the domain.
    customAudiences: [`https://${domain}`],
  };
}

function trafficTarget({ revision, percent }: Omit<TrafficShare, "region">) {
  return revision === undefined
    ? { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent }
    : { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision, percent };
}

/** See `url` and publicUrl.ts. A service also has a URL with a random part. */
function stableUrl(service: Service): Output<string> {
  return service.urls.apply(
    // Pulumi's mocks have no URLs.
    (urls = []) => urls.find((url) => /-\d+\.[a-z0-9-]+\.run\.app$/.test(url)) ?? urls[0] ?? "",
  );
}
