import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketIAMMember } from "@pulumi/gcp/storage/bucketIAMMember.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
} from "@pulumi/pulumi";

interface EndedSessionsArgs {
  readonly project: string;
  readonly bucketName: string;
  /** A multi-region, a pair of regions or a region. */
  readonly location: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly deletionProtection: boolean;
  readonly storageApi: Resource;
}

/**
 * The bucket through which instances tell each other which sessions have ended. It holds empty
 * objects, and the web service can only add to it. If it is emptied, ended sessions are accepted
 * again.
 */
export class EndedSessions extends ComponentResource {
  readonly bucket: Bucket;
  /** The value of ENDED_SESSIONS: `gs://BUCKET`. */
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
        // Objects are never replaced, and those that the rule below deletes are of no use.
        softDeletePolicy: { retentionDurationSeconds: 0 },
        // An object's custom time is when the last session it concerns has expired.
        lifecycleRules: [{ action: { type: "Delete" }, condition: { daysSinceCustomTime: 1 } }],
        forceDestroy: !args.deletionProtection,
      },
      { parent: this, protect: args.deletionProtection, dependsOn: [args.storageApi] },
    );
    this.reference = `gs://${args.bucketName}`;
    this.registerOutputs();
  }

  /** Lets an account read and add objects, but neither replace nor delete them. */
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
