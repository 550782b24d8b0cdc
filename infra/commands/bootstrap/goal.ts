import { type Account, type StackId, stackNames } from "../../names.ts";

/** The setup that `npm run bootstrap` is to reach. */
export interface Goal extends StackId {
  readonly project: string;
  readonly region: string;
  /** Undefined to keep the project's. */
  readonly billingAccount: string | undefined;
  /** Repository whose workflows deliver the stack, as OWNER/NAME. */
  readonly github: string | undefined;
}

/** The key that encrypts a stack's secrets. KMS never deletes a ring or a key. */
export const KEY_RING = "pulumi";
export const KEY = "state";
export const ENCRYPT_AND_DECRYPT = "roles/cloudkms.cryptoKeyEncrypterDecrypter";

/** Workload identity pool of GitHub's jobs. */
export const POOL = "github";

/** APIs for Pulumi's state, and those through which its program enables the others. */
const FIRST_APIS = ["serviceusage", "cloudresourcemanager", "storage", "cloudkms"];
/** APIs that exchange GitHub's tokens. */
const FEDERATION_APIS = ["iam", "iamcredentials", "sts"];

export function firstApis({ github }: Goal): readonly string[] {
  return github === undefined ? FIRST_APIS : [...FIRST_APIS, ...FEDERATION_APIS];
}

/** Bucket of Pulumi's state. Bucket names are global, so it contains the project's ID. */
export function stateBucket({ project }: Goal): string {
  return `${project}-pulumi-state`;
}

/** Argument of `pulumi login`. */
export function backendUrl(goal: Goal): string {
  return `gs://${stateBucket(goal)}`;
}

/** Argument of `pulumi stack init --secrets-provider`. */
export function secretsProvider({ project, region }: Goal): string {
  return `gcpkms://projects/${project}/locations/${region}/keyRings/${KEY_RING}/cryptoKeys/${KEY}`;
}

/** The key as arguments of `gcloud kms keys`. */
export function keyArgs({ project, region }: Goal): string[] {
  return [KEY, "--keyring", KEY_RING, "--location", region, "--project", project];
}

/** Addresses of the service accounts of GitHub's jobs and of the program. */
export function accounts(goal: Goal): Readonly<Record<Account, string>> {
  const { project } = goal;
  const { preview, deploy, web, rotator, push } = stackNames(project, goal);
  const address = (id: string) => `${id}@${project}.iam.gserviceaccount.com`;
  return {
    preview: address(preview),
    deploy: address(deploy),
    web: address(web),
    rotator: address(rotator),
    push: address(push),
  };
}

/** A kind of GitHub job. */
export interface Job {
  /** GitHub environment. */
  readonly environment: string;
  /** ID of the workload identity provider. */
  readonly provider: string;
}

export function jobs(goal: Goal): Readonly<Record<"preview" | "deploy", Job>> {
  const { environment } = goal;
  const { preview, deploy } = stackNames(goal.project, goal);
  return {
    preview: { environment: `${environment}-preview`, provider: preview },
    deploy: { environment, provider: deploy },
  };
}

/** The stack that releases go to, and whose deployments need approval. */
export const APPROVED_STACK = "prod";

/** Whether deployments of the stack need approval. */
export function needsApproval({ environment }: Goal): boolean {
  return environment === APPROVED_STACK;
}
