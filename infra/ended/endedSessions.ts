import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketIAMMember } from "@pulumi/gcp/storage/bucketIAMMember.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
} from "@pulumi/pulumi";

export interface EndedSessionsArgs {
  readonly project: string;
  readonly bucketName: string;
  /** A multi-region, a pair of regions or a region. */
  readonly location: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionProtection: boolean;
  readonly storageApi: Resource;
}

/**
 * Where instances tell each other which sessions have ended: a bucket of empty objects, to which
 * the web service can only add. Without it, or with an empty one, sessions that ended come back.
 */
export class EndedSessions extends ComponentResource {
  readonly bucket: Bucket;
  /** Notation by which the service takes it: `gs://BUCKET`. */
  readonly reference: string;

  constructor(name: string, args: EndedSessionsArgs, opts?: ComponentResourceOptions) {
    super("infra:ended:EndedSessions", name, {}, opts);
    this.bucket = new Bucket(
      name,
      {
        project: args.project,
        name: args.bucketName,
        location: args.location,
        labels: { ...args.labels },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        // Nothing in it is ever replaced, and what the rule below deletes is of no use any more.
        softDeletePolicy: { retentionDurationSeconds: 0 },
        // An object's custom time is when no session can need it: a day later it is gone.
        lifecycleRules: [{ action: { type: "Delete" }, condition: { daysSinceCustomTime: 1 } }],
        forceDestroy: !args.deletionProtection,
      },
      { parent: this, protect: args.deletionProtection, dependsOn: [args.storageApi] },
    );
    this.reference = `gs://${args.bucketName}`;
    this.registerOutputs();
  }

  /** Lets the account read the bucket and add to it, but neither replace nor delete. */
  grantAdding(to: { readonly name: string; readonly member: Input<string> }): BucketIAMMember[] {
    return ["objectCreator", "objectViewer"].map(
      (role) =>
        new BucketIAMMember(
          `${to.name}-ended-${role}`,
          { bucket: this.bucket.name, role: `roles/storage.${role}`, member: to.member },
          { parent: this },
        ),
    );
  }
}
