import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketObject } from "@pulumi/gcp/storage/bucketObject.js";
import {
  asset,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
} from "@pulumi/pulumi";

/** What Cloud Run is to run: see serviceContainer.ts. */
export type Release =
  | { readonly image: string }
  | { readonly baseImageUri: string; readonly source: BundleSource };

/** One uploaded archive. */
export interface BundleSource {
  readonly bucket: Input<string>;
  readonly object: Input<string>;
  readonly generation: Input<string>;
}

/** The archive that is deployed: path of a tar.gz and the digest of its content. */
export interface DeployedArchive {
  readonly path: string;
  /** In hexadecimal. */
  readonly sha256: string;
}

export interface ServiceBundleArgs {
  readonly project: string;
  readonly region: string;
  readonly bucketName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined where a container image is deployed. The bucket stays: revisions run from it. */
  readonly archive: DeployedArchive | undefined;
  /** Whether the bucket refuses to be deleted while it holds bundles. */
  readonly keepBundles: boolean;
  readonly storageApi: Resource;
}

/**
 * The bundles that were deployed so far, each under its digest. None is ever deleted or replaced:
 * a revision of Cloud Run starts from the object that it was made of.
 */
export class ServiceBundle extends ComponentResource {
  /** Undefined where there is no archive. */
  readonly source: BundleSource | undefined;

  constructor(name: string, args: ServiceBundleArgs, opts?: ComponentResourceOptions) {
    super("infra:bundle:ServiceBundle", name, {}, opts);
    const bucket = new Bucket(
      `${name}s`,
      {
        project: args.project,
        name: args.bucketName,
        location: args.region.toUpperCase(),
        labels: { ...args.labels },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        // A bundle that is uploaded a second time would otherwise take the place of the
        // generation that an earlier revision names.
        versioning: { enabled: true },
        // A bucket with bundles, which the program keeps, can't be deleted otherwise.
        forceDestroy: !args.keepBundles,
      },
      { parent: this, protect: args.keepBundles, dependsOn: [args.storageApi] },
    );
    if (args.archive !== undefined) {
      const object = new BucketObject(
        name,
        {
          bucket: bucket.name,
          name: `${args.archive.sha256}.tar.gz`,
          // An archive would be uploaded as a zip, and Cloud Run wants the tar.gz that it is.
          source: new asset.FileAsset(args.archive.path),
          contentType: "application/gzip",
        },
        { parent: this, retainOnDelete: true },
      );
      this.source = {
        bucket: bucket.name,
        object: object.name,
        generation: object.generation.apply(String),
      };
    }
    this.registerOutputs();
  }
}
