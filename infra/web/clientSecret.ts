import { Secret } from "@pulumi/gcp/secretmanager/secret.js";
import { SecretIamMember } from "@pulumi/gcp/secretmanager/secretIamMember.js";
import { SecretVersion } from "@pulumi/gcp/secretmanager/secretVersion.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
  type ResourceHook,
} from "@pulumi/pulumi";
import { replicationOf } from "../keys/replication.ts";
import type { SecretValue } from "./serviceContainer.ts";

export interface ClientSecretArgs {
  readonly project: string;
  readonly secretId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A Pulumi secret. */
  readonly value: Output<string>;
  /** Who may read it: `serviceAccount:EMAIL`. */
  readonly reader: Input<string>;
  /** Regions of its replicas; empty: Google chooses. */
  readonly locations: readonly string[];
  /**
   * Runs after the grant is created. A revision created before the grant propagates never starts.
   */
  readonly afterGrant: ResourceHook | undefined;
  readonly secretManagerApi: Resource;
}

/** The client secret of the OpenID Connect provider. Cloud Run reads it for the environment. */
export class ClientSecret extends ComponentResource {
  readonly version: SecretVersion;
  readonly grant: SecretIamMember;
  readonly reference: SecretValue;

  constructor(name: string, args: ClientSecretArgs, opts?: ComponentResourceOptions) {
    super("infra:web:ClientSecret", name, {}, opts);
    const secret = new Secret(
      name,
      {
        project: args.project,
        secretId: args.secretId,
        labels: { ...args.labels },
        replication: replicationOf(args.locations),
        // Whoever has the value can recreate the secret.
        deletionProtection: false,
      },
      { parent: this, dependsOn: [args.secretManagerApi] },
    );
    this.version = new SecretVersion(
      name,
      {
        secret: secret.id,
        secretData: args.value,
        // Earlier revisions read the version that they were created with at each start.
        deletionPolicy: "ABANDON",
      },
      { parent: this },
    );
    this.grant = new SecretIamMember(
      `${name}-reader`,
      {
        project: args.project,
        secretId: secret.secretId,
        role: "roles/secretmanager.secretAccessor",
        member: args.reader,
      },
      { parent: this, ...(args.afterGrant && { hooks: { afterCreate: [args.afterGrant] } }) },
    );
    this.reference = { secret: secret.secretId, version: this.version.version };
    this.registerOutputs();
  }
}
