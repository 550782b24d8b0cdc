import { type Account, type StackId, stackNames } from "../../names.ts";

/** What `npm run bootstrap` is asked to set up. */
export interface Goal extends StackId {
  readonly project: string;
  readonly region: string;
  /** Undefined to leave the one that there is. */
  readonly billingAccount: string | undefined;
  /** Repository that delivers the stack, as OWNER/NAME. */
  readonly github: string | undefined;
}

/** The key that encrypts a stack's secrets. KMS never deletes a ring or a key. */
export const KEY_RING = "pulumi";
export const KEY = "state";
export const ENCRYPT_AND_DECRYPT = "roles/cloudkms.cryptoKeyEncrypterDecrypter";

/** Workload identity pool of GitHub's jobs. */
export const POOL = "github";

/** What Pulumi keeps its state with, and what its program enables all other APIs with. */
const FIRST_APIS = ["serviceusage", "cloudresourcemanager", "storage", "cloudkms"];
/** What GitHub's tokens are exchanged by. */
const FEDERATION_APIS = ["iam", "iamcredentials", "sts"];

export function firstApis({ github }: Goal): readonly string[] {
  return github === undefined ? FIRST_APIS : [...FIRST_APIS, ...FEDERATION_APIS];
}

/** Bucket of Pulumi's state. Names of buckets are Google-wide, so the project's is a part of it. */
export function stateBucket({ project }: Goal): string {
  return `${project}-pulumi-state`;
}

/** Where `pulumi login` goes. */
export function backendUrl(goal: Goal): string {
  return `gs://${stateBucket(goal)}`;
}

/** The key as `pulumi stack init --secrets-provider` takes it. */
export function secretsProvider({ project, region }: Goal): string {
  return `gcpkms://projects/${project}/locations/${region}/keyRings/${KEY_RING}/cryptoKeys/${KEY}`;
}

/** The key as gcloud's commands take it. */
export function keyArgs({ project, region }: Goal): string[] {
  return [KEY, "--keyring", KEY_RING, "--location", region, "--project", project];
}

/** Addresses of the stack's service accounts: those of GitHub's jobs, and the program's own. */
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

/** What GitHub's jobs of one kind run in and are told by. */
export interface Job {
  /** Environment of GitHub's. */
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

/** The stack whose deployments want somebody's approval, and that releases go to. */
export const APPROVED_STACK = "prod";

/** Whether deployments of the stack want somebody's approval. */
export function wantsApproval({ environment }: Goal): boolean {
  return environment === APPROVED_STACK;
}
