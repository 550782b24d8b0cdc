/** The state of Google Cloud, GitHub and this machine before any change. */
export interface Found {
  /** E-mail address of the account that gcloud acts as. */
  readonly operator: string;
  readonly project: FoundProject | undefined;
  /** ID of the project's billing account; undefined if billing is disabled. */
  readonly billingAccount: string | undefined;
  /** Enabled APIs by their short name: `storage` for storage.googleapis.com. */
  readonly apis: ReadonlySet<string>;
  readonly stateBucket: FoundBucket | undefined;
  readonly keyRing: boolean;
  /** The key's state, such as ENABLED; undefined if there is no key. */
  readonly key: string | undefined;
  readonly grants: FoundGrants;
  readonly machine: FoundMachine;
  /** Undefined without --github. */
  readonly github: FoundGitHub | undefined;
}

export interface FoundProject {
  readonly number: string;
  /** ACTIVE, or DELETE_REQUESTED. */
  readonly state: string;
}

export interface FoundBucket {
  readonly versioning: boolean;
  readonly uniformAccess: boolean;
  readonly publicAccessPrevention: boolean;
}

/** Unconditional bindings, each as `ROLE MEMBER`. */
export type Grants = ReadonlySet<string>;

interface FoundGrants {
  readonly project: Grants;
  readonly stateBucket: Grants;
  readonly key: Grants;
  /** By the service account's address; has only accounts that exist. */
  readonly accounts: ReadonlyMap<string, Grants>;
}

/** Credentials, Pulumi and the stack's file on this machine. */
export interface FoundMachine {
  /**
   * Quota project of the application default credentials: undefined if it is not set, `none` for
   * credentials that need none, such as a service account's.
   */
  readonly quotaProject: string | undefined;
  /** URL of the backend that Pulumi is logged in to. */
  readonly backend: string | undefined;
  /** Whether the backend has the stack. */
  readonly stack: boolean;
  /** Pulumi.STACK.yaml. */
  readonly file: StackFile;
}

export interface StackFile {
  readonly project: string | undefined;
  readonly region: string | undefined;
  readonly secretsProvider: string | undefined;
  /** Whether `allowedUsers` is set. */
  readonly allowedUsers: boolean;
  /** Whether `domain` is set. */
  readonly domain: boolean;
}

export interface FoundGitHub {
  /** The repository's ID, which a rename doesn't change. */
  readonly repositoryId: number;
  /** Whether gh's user is an admin of the repository. */
  readonly admin: boolean;
  /** The workload identity pool's state, ACTIVE or DELETED; undefined if there is none. */
  readonly pool: string | undefined;
  /** By the provider's ID. */
  readonly providers: ReadonlyMap<string, FoundProvider>;
  /** By name. */
  readonly environments: ReadonlyMap<string, FoundEnvironment>;
  /** Users and teams of --approvers. */
  readonly approvers: readonly Reviewer[];
}

export interface FoundProvider {
  /** ACTIVE, or DELETED for 30 days after its deletion. */
  readonly state: string;
  readonly enabled: boolean;
  readonly issuer: string | undefined;
  /** The expression that `google.subject` is mapped from. */
  readonly subject: string | undefined;
  readonly condition: string | undefined;
}

export interface Reviewer {
  readonly type: "User" | "Team";
  readonly id: number;
}

export interface FoundEnvironment {
  /** Minutes. */
  readonly waitTimer: number;
  readonly reviewers: readonly Reviewer[];
  readonly preventSelfReview: boolean;
  /** Whether only refs that match `policies` may deploy. */
  readonly customPolicies: boolean;
  /** Policies as `branch main` or `tag v*`. */
  readonly policies: ReadonlySet<string>;
  readonly variables: ReadonlyMap<string, string>;
}
