import { createHash } from "node:crypto";

/** Identifies a stack. */
export interface StackId {
  /** Name of the Pulumi project: the product's. */
  readonly product: string;
  /** Name of the stack. */
  readonly environment: string;
}

/** Names of a stack's resources at Google. They are unique even if two stacks share a project. */
export interface StackNames {
  /** The web service and its account. */
  readonly web: string;
  /** The rotator and its account. */
  readonly rotator: string;
  /** The account as which Pub/Sub calls the rotator. */
  readonly push: string;
  /** The account as which GitHub's jobs deploy. `npm run bootstrap` creates it, not the program. */
  readonly deploy: string;
  /** The account as which GitHub's jobs preview. `npm run bootstrap` creates it. */
  readonly preview: string;
  readonly secretKey: string;
  readonly clientSecret: string;
  /**
   * The bucket of the sessions that have ended. Bucket names are global, so this one contains the
   * project's ID.
   */
  readonly ended: string;
  /** Topic to which Secret Manager publishes SECRET_KEY's events. */
  readonly secretEvents: string;
  /** Push subscription that calls the rotator. */
  readonly rotation: string;
  /** Dead-letter topic of the rotations, and its subscription. */
  readonly deadLetters: string;
}

/** The names of one stack's resources in a Google Cloud project. */
export function stackNames(project: string, { product, environment }: StackId): StackNames {
  const prefix = `${product}-${environment}`;
  return {
    web: prefix,
    rotator: `${prefix}-rotator`,
    push: `${prefix}-push`,
    deploy: `${prefix}-deploy`,
    preview: `${prefix}-preview`,
    secretKey: `${prefix}-SECRET_KEY`,
    clientSecret: `${prefix}-OIDC_CLIENT_SECRET`,
    ended: `${project}-${prefix}-ended`,
    secretEvents: `${prefix}-secret-events`,
    rotation: `${prefix}-rotation`,
    deadLetters: `${prefix}-rotation-dead-letters`,
  };
}

/**
 * Name of a region's bucket of bundles. Bucket names are global and have at most 63 characters, too
 * few for the project's ID, whose digest is in its place.
 */
export function bundlesBucket(
  project: string,
  { product, environment }: StackId,
  region: string,
): string {
  const digest = createHash("sha256").update(project).digest("hex").slice(0, 8);
  return `${product}-${environment}-bundles-${region}-${digest}`;
}

const ACCOUNT_TITLES = {
  web: "web service",
  rotator: "key rotator",
  push: "Pub/Sub calls the rotator",
  deploy: "deployments from GitHub",
  preview: "previews from GitHub",
};

/** The service accounts of a stack. */
export type Account = keyof typeof ACCOUNT_TITLES;

/** Display name of the account with this ID. */
export function accountTitle(id: string, account: Account): string {
  return `${id}: ${ACCOUNT_TITLES[account]}`;
}
