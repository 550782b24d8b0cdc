/** Which stack of which project is configured. */
export interface StackId {
  /** Name of the Pulumi project: the product's. */
  readonly product: string;
  /** Name of the stack. */
  readonly environment: string;
}

/** Names of what one stack has at Google. Two stacks can share a project. */
export interface StackNames {
  /** The web service and its account. */
  readonly web: string;
  /** The rotator and its account. */
  readonly rotator: string;
  /** The account that Pub/Sub calls the rotator as. */
  readonly push: string;
  /** The account that GitHub's jobs deploy as; `npm run bootstrap` makes it, not the program. */
  readonly deploy: string;
  /** The account that GitHub's jobs preview as, made in the same way. */
  readonly preview: string;
  readonly secretKey: string;
  readonly clientSecret: string;
  /** Names of buckets are Google-wide, so the project's is a part of it. */
  readonly bucket: string;
  /** The bucket of the sessions that have ended. */
  readonly ended: string;
  /** Topic of what happens to SECRET_KEY. */
  readonly secretEvents: string;
  /** Subscription that calls the rotator. */
  readonly rotation: string;
  /** Topic and subscription of rotations that failed. */
  readonly deadLetters: string;
}

/** The names of one stack in a project. All begin with the product's, which is the Pulumi project's. */
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
    bucket: `${project}-${prefix}-bundles`,
    ended: `${project}-${prefix}-ended`,
    secretEvents: `${prefix}-secret-events`,
    rotation: `${prefix}-rotation`,
    deadLetters: `${prefix}-rotation-dead-letters`,
  };
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

/** What the console calls an account of that id. */
export function accountTitle(id: string, account: Account): string {
  return `${id}: ${ACCOUNT_TITLES[account]}`;
}
