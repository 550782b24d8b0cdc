import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketObject } from "@pulumi/gcp/storage/bucketObject.js";
import {
  asset,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
} from "@pulumi/pulumi";

/** What Cloud Run runs: an image, or a bundle over a base image (see serviceContainer.ts). */
export type Release =
  | { readonly image: string }
  | { readonly baseImageUri: string; readonly source: BundleSource };

/** An uploaded archive. */
export interface BundleSource {
  readonly bucket: Input<string>;
  readonly object: Input<string>;
  readonly generation: Input<string>;
}

/** The archive to deploy: a tar.gz. */
export interface DeployedArchive {
  readonly path: string;
  /** SHA-256 of the tar.gz in hexadecimal. */
  readonly sha256: string;
}

interface ServiceBundleArgs {
  readonly project: string;
  readonly region: string;
  readonly bucketName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined if an image is deployed. The bucket stays, because earlier revisions run from it. */
  readonly archive: DeployedArchive | undefined;
  /** Whether the bucket refuses to be deleted while it holds bundles. */
  readonly keepBundles: boolean;
  readonly storageApi: Resource;
}

/**
 * A region's bucket with every bundle that was deployed there, each named by its digest. None is
 * ever deleted or replaced, because instances of a revision start from the object that the revision
 * names.
 */
export class ServiceBundle extends ComponentResource {
  /** Undefined without an archive. */
  readonly source: BundleSource | undefined;

  constructor(name: string, args: ServiceBundleArgs, opts?: ComponentResourceOptions) {
    super("infra:bundle:ServiceBundle", name, {}, opts);
    const bucket = new Bucket(
      name,
      {
        project: args.project,
        name: args.bucketName,
        location: args.region.toUpperCase(),
        labels: { ...args.labels },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        // A second upload of the same bundle would otherwise delete the generation that an earlier
        // revision names.
        versioning: { enabled: true },
        // `pulumi destroy` keeps the bundles, and Google refuses to delete a bucket with objects.
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
          // Not a FileArchive: Pulumi would upload a zip, and Cloud Run needs a tar.gz.
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
