import { BackendService } from "@pulumi/gcp/compute/backendService.js";
import { GlobalAddress } from "@pulumi/gcp/compute/globalAddress.js";
import { GlobalForwardingRule } from "@pulumi/gcp/compute/globalForwardingRule.js";
import { RegionNetworkEndpointGroup } from "@pulumi/gcp/compute/regionNetworkEndpointGroup.js";
import { SecurityPolicy } from "@pulumi/gcp/compute/securityPolicy.js";
import { SSLPolicy } from "@pulumi/gcp/compute/sslpolicy.js";
import { TargetHttpProxy } from "@pulumi/gcp/compute/targetHttpProxy.js";
import { TargetHttpsProxy } from "@pulumi/gcp/compute/targetHttpsProxy.js";
import { URLMap } from "@pulumi/gcp/compute/urlmap.js";
import type { compute } from "@pulumi/gcp/types/input.js";
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
} from "@pulumi/pulumi";
import type { Apis } from "../apis.ts";
import { type DnsRecord, DomainCertificate } from "./certificate.ts";

/** A Cloud Run service that serves the domain's requests. */
interface ServedBy {
  readonly region: string;
  /** Name of the Cloud Run service. */
  readonly name: Input<string>;
}

interface LoadBalancerArgs {
  readonly project: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the resources at Google, and prefix where there are several of a kind. */
  readonly prefix: string;
  /** In ASCII. */
  readonly domain: string;
  /** One for each region. Each client gets the nearest. */
  readonly services: readonly ServedBy[];
  /** Requests a minute from one IP address; more get 429. */
  readonly requestsPerMinute: number;
  readonly apis: Apis;
}

/**
 * The domain's address: a global external Application Load Balancer before the web service, with a
 * certificate, a redirect from http, and a limit for requests from one IP address.
 */
export class LoadBalancer extends ComponentResource {
  /** IPv4 address of the domain. */
  readonly address: Output<string>;
  /** The DNS records to make, as lines of a zone file. */
  readonly dnsRecords: Output<string>;

  constructor(name: string, args: LoadBalancerArgs, opts?: ComponentResourceOptions) {
    super("infra:domain:LoadBalancer", name, {}, opts);
    const { project, domain, prefix, apis } = args;
    const labels = { ...args.labels };
    const options = { parent: this, dependsOn: [apis.of("compute")] };
    const policy = new SecurityPolicy(
      name,
      { project, labels, name: prefix, rules: rulesOf(args.requestsPerMinute) },
      options,
    );
    // Neither health checks nor a timeout: Google allows none for serverless backends.
    const backend = new BackendService(
      name,
      {
        project,
        name: prefix,
        loadBalancingScheme: "EXTERNAL_MANAGED",
        securityPolicy: policy.id,
        logConfig: { enable: true, sampleRate: 1 },
        backends: args.services.map((service) => ({
          group: this.#endpoints(name, args, service).id,
        })),
      },
      options,
    );
    const certificate = new DomainCertificate(
      name,
      { project, labels, prefix, domain, certificateManagerApi: apis.of("certificatemanager") },
      { parent: this },
    );
    const httpsProxy = new TargetHttpsProxy(
      name,
      {
        project,
        name: prefix,
        urlMap: new URLMap(name, { project, name: prefix, defaultService: backend.id }, options).id,
        certificateMap: certificate.map,
        // Without a policy, TLS 1.0 and 1.1 are accepted.
        sslPolicy: new SSLPolicy(
          name,
          { project, name: prefix, profile: "MODERN", minTlsVersion: "TLS_1_2" },
          options,
        ).id,
      },
      options,
    );
    const httpProxy = new TargetHttpProxy(
      `${name}-redirect`,
      {
        project,
        name: `${prefix}-redirect`,
        urlMap: new URLMap(
          `${name}-redirect`,
          {
            project,
            name: `${prefix}-redirect`,
            defaultUrlRedirect: {
              httpsRedirect: true,
              // The Host header of a request over http can be forged.
              hostRedirect: domain,
              redirectResponseCode: "MOVED_PERMANENTLY_DEFAULT",
              // The provider requires it, though it is the default.
              stripQuery: false,
            },
          },
          options,
        ).id,
      },
      options,
    );
    const { address } = new GlobalAddress(name, { project, labels, name: prefix }, options);
    for (const { suffix, portRange, target } of [
      { suffix: "https", portRange: "443", target: httpsProxy.id },
      { suffix: "http", portRange: "80", target: httpProxy.id },
    ]) {
      new GlobalForwardingRule(
        `${name}-${suffix}`,
        {
          project,
          labels,
          name: `${prefix}-${suffix}`,
          loadBalancingScheme: "EXTERNAL_MANAGED",
          ipAddress: address,
          portRange,
          target,
        },
        options,
      );
    }
    this.address = address;
    this.dnsRecords = all([address, certificate.dnsRecords]).apply(([ip, proofs]) =>
      [{ name: domain, type: "A", data: ip }, ...proofs].map(zoneFileLine).join("\n"),
    );
    this.registerOutputs();
  }

  /** A service as a backend of the load balancer. */
  #endpoints(
    name: string,
    { project, prefix, apis }: LoadBalancerArgs,
    { region, name: service }: ServedBy,
  ): RegionNetworkEndpointGroup {
    return new RegionNetworkEndpointGroup(
      `${name}-${region}`,
      {
        project,
        region,
        name: `${prefix}-${region}`,
        networkEndpointType: "SERVERLESS",
        cloudRun: { service },
      },
      { parent: this, dependsOn: [apis.of("compute")] },
    );
  }
}

const EVERYONE = { versionedExpr: "SRC_IPS_V1", config: { srcIpRanges: ["*"] } };

/** Rules of Cloud Armor. The last one is required, at this priority. */
function rulesOf(requestsPerMinute: number): compute.SecurityPolicyRule[] {
  return [
    {
      priority: 1000,
      description: "Limits the requests of each IP address.",
      action: "throttle",
      match: EVERYONE,
      rateLimitOptions: {
        enforceOnKey: "IP",
        rateLimitThreshold: { count: requestsPerMinute, intervalSec: 60 },
        conformAction: "allow",
        exceedAction: "deny(429)",
      },
    },
    { priority: 2_147_483_647, description: "Default rule.", action: "allow", match: EVERYONE },
  ];
}

/** Seconds for which resolvers cache the records. */
const TTL = 300;

/** `phoenix.acme.example. 300 IN A 203.0.113.10` */
function zoneFileLine({ name, type, data }: DnsRecord): string {
  return `${name.replace(/\.?$/, ".")} ${TTL} IN ${type} ${data}`;
}
