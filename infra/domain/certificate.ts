import { createHash } from "node:crypto";
import { Certificate } from "@pulumi/gcp/certificatemanager/certificate.js";
import { CertificateMap } from "@pulumi/gcp/certificatemanager/certificateMap.js";
import { CertificateMapEntry } from "@pulumi/gcp/certificatemanager/certificateMapEntry.js";
import { DnsAuthorization } from "@pulumi/gcp/certificatemanager/dnsAuthorization.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  interpolate,
  type Output,
  type Resource,
} from "@pulumi/pulumi";

interface DomainCertificateArgs {
  readonly project: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Prefix of the resources' names at Google. */
  readonly prefix: string;
  readonly domain: string;
  readonly certificateManagerApi: Resource;
}

/** A record as it stands in a zone file. */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly data: string;
}

/**
 * A certificate that Google issues and renews. A separate DNS record proves who owns the domain, so
 * the certificate can be issued before the domain's address points here.
 */
export class DomainCertificate extends ComponentResource {
  /** The certificate map as a target proxy takes it, once it has the certificate. */
  readonly map: Output<string>;
  /** The records that prove who owns the domain. */
  readonly dnsRecords: Output<readonly DnsRecord[]>;

  constructor(name: string, args: DomainCertificateArgs, opts?: ComponentResourceOptions) {
    super("infra:domain:DomainCertificate", name, {}, opts);
    const { project, domain, prefix } = args;
    // A new domain's certificate is created while the map still uses the old one.
    const ofDomain = `${prefix}-${createHash("sha256").update(domain).digest("hex").slice(0, 8)}`;
    const common = { project, labels: { ...args.labels } };
    const options = { parent: this, dependsOn: [args.certificateManagerApi] };
    const authorization = new DnsAuthorization(
      name,
      {
        ...common,
        name: ofDomain,
        domain,
        // The default uses the record _acme-challenge, which the domain's current server may need to
        // renew its own certificate.
        type: "PER_PROJECT_RECORD",
      },
      options,
    );
    const certificate = new Certificate(
      name,
      {
        ...common,
        name: ofDomain,
        managed: { domains: [domain], dnsAuthorizations: [authorization.id] },
      },
      options,
    );
    const map = new CertificateMap(name, { ...common, name: prefix }, options);
    const entry = new CertificateMapEntry(
      name,
      {
        ...common,
        name: ofDomain,
        map: map.name,
        hostname: domain,
        certificates: [certificate.id],
      },
      options,
    );
    // A proxy must get the map after the entry exists, so the URI depends on the entry.
    this.map = interpolate`//certificatemanager.googleapis.com/${map.id}`.apply((uri) =>
      entry.name.apply(() => uri),
    );
    this.dnsRecords = authorization.dnsResourceRecords;
    this.registerOutputs();
  }
}
