import { type Account, accountTitle } from "../../names.ts";
import type { Found, FoundGitHub, Reviewer } from "./found.ts";
import {
  accounts,
  backendUrl,
  ENCRYPT_AND_DECRYPT,
  type Goal,
  type Job,
  jobs,
  keyArgs,
  needsApproval,
  POOL,
} from "./goal.ts";
import {
  type Command,
  changed,
  created,
  type Grant,
  gcloud,
  gh,
  granted,
  type Item,
  member,
  PROJECT_NUMBER,
} from "./item.ts";

const ISSUER = "https://token.actions.githubusercontent.com";
/** The repository's ID, which a rename doesn't change, and the job's environment. */
const SUBJECT = "assertion.repository_id + ':' + assertion.environment";

/** A preview reads the project's number, SECRET_KEY's schedule and the service's address. */
const PREVIEW_ROLES = ["roles/browser", "roles/run.viewer", "roles/secretmanager.viewer"];

/**
 * A deployment can create accounts, but act only as the stack's own. It can't grant roles in the
 * project.
 */
const DEPLOY_ROLES = [
  "roles/browser",
  "roles/iam.serviceAccountCreator",
  "roles/logging.configWriter",
  "roles/monitoring.editor",
  "roles/pubsub.admin",
  "roles/run.admin",
  "roles/secretmanager.admin",
  "roles/serviceusage.serviceUsageAdmin",
  "roles/storage.admin",
];
/**
 * For a stack with a domain: its certificate, its load balancer and Cloud Armor. An Editor of
 * Certificate Manager could delete nothing, and so not change the domain.
 */
const DOMAIN_ROLES = [
  "roles/certificatemanager.owner",
  "roles/compute.loadBalancerAdmin",
  "roles/compute.securityAdmin",
];
/** Roles on each of the stack's own accounts: to run services as it, and to set its IAM policy. */
const DEPLOY_ACCOUNT_ROLES = ["roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountUser"];

interface Delivery {
  readonly goal: Goal;
  readonly repository: string;
  readonly found: Found;
  readonly github: FoundGitHub;
}

/** Items that let a repository's workflows preview and deploy the stack; none without --github. */
export function planDelivery(goal: Goal, found: Found): Item[] {
  const { github } = found;
  if (goal.github === undefined || github === undefined) return [];
  const delivery = { goal, repository: goal.github, found, github };
  return [
    ...planFederation(delivery),
    ...planAccounts(delivery),
    ...planRoles(delivery),
    ...planGitHub(delivery),
  ];
}

function planFederation(delivery: Delivery): Item[] {
  const { goal, github } = delivery;
  const { preview, deploy } = jobs(goal);
  const base = ["iam", "workload-identity-pools"];
  const create: Command = {
    ...gcloud(...base, "create", POOL, ...globally(goal)),
    mayExist: true,
  };
  const restore = gcloud(...base, "undelete", POOL, ...globally(goal));
  const commands = github.pool === undefined ? [create] : [restore];
  return [
    changed(
      `workload identity pool ${POOL}`,
      github.pool !== undefined,
      github.pool === "ACTIVE" ? [] : commands,
      "iam.workloadIdentityPools.create",
    ),
    planProvider(delivery, preview.provider, previewCondition(delivery)),
    planProvider(delivery, deploy.provider, deployCondition(delivery)),
  ];
}

function previewCondition({ goal, github }: Delivery): string {
  return [
    `assertion.repository_id == '${github.repositoryId}'`,
    "assertion.event_name == 'pull_request'",
    `assertion.environment == '${jobs(goal).preview.environment}'`,
  ].join(" && ");
}

/** Accepts jobs on main, and for prod also on release tags. */
function deployCondition({ goal, github }: Delivery): string {
  const main = "assertion.ref == 'refs/heads/main'";
  return [
    `assertion.repository_id == '${github.repositoryId}'`,
    `assertion.environment == '${jobs(goal).deploy.environment}'`,
    needsApproval(goal) ? `(${main} || assertion.ref.startsWith('refs/tags/v'))` : main,
  ].join(" && ");
}

function planProvider({ goal, github }: Delivery, id: string, condition: string): Item {
  const present = github.providers.get(id);
  const base = ["iam", "workload-identity-pools", "providers"];
  const place = ["--workload-identity-pool", POOL, ...globally(goal)];
  const settings = [
    ...["--issuer-uri", ISSUER],
    ...["--attribute-mapping", `google.subject=${SUBJECT}`],
    ...["--attribute-condition", condition],
  ];
  const upToDate =
    present?.enabled &&
    present.issuer === ISSUER &&
    present.subject === SUBJECT &&
    present.condition === condition;
  const update = gcloud(...base, "update-oidc", id, ...place, ...settings, "--no-disabled");
  const commands =
    present === undefined
      ? [gcloud(...base, "create-oidc", id, ...place, ...settings)]
      : [
          ...(present.state === "ACTIVE" ? [] : [gcloud(...base, "undelete", id, ...place)]),
          ...(upToDate ? [] : [update]),
        ];
  return changed(
    `workload identity provider ${id}`,
    present !== undefined,
    commands,
    "iam.workloadIdentityPoolProviders.create",
  );
}

/** Includes the program's own accounts, on which a deployment is granted the right to use them. */
function planAccounts({ goal, found }: Delivery): Item[] {
  const { project } = goal;
  return Object.entries(accounts(goal)).map(([account, address]) => {
    const [id = ""] = address.split("@");
    const title = accountTitle(id, account as Account);
    const create = gcloud(
      ...["iam", "service-accounts", "create", id, "--display-name", title, "--project", project],
    );
    return created(
      `account ${address}`,
      found.grants.accounts.has(address),
      [{ ...create, mayExist: true }],
      "iam.serviceAccounts.create",
    );
  });
}

function planRoles(delivery: Delivery): Item[] {
  const { goal, found } = delivery;
  const { preview, deploy, ...own } = accounts(goal);
  const { grants } = found;
  const previews = member(preview);
  const deployments = member(deploy);
  const onAccount = (what: string, address: string, wanted: readonly Grant[]) =>
    granted(
      what,
      grants.accounts.get(address),
      wanted,
      [
        ...["iam", "service-accounts", "add-iam-policy-binding", address],
        ...["--condition", "None", "--project", goal.project],
      ],
      "iam.serviceAccounts.setIamPolicy",
    );
  const actAs = ({ environment }: Job, address: string) =>
    onAccount(`jobs in GitHub's environment ${environment} act as ${address}`, address, [
      ["roles/iam.workloadIdentityUser", principal(delivery, environment)],
    ]);
  return [
    actAs(jobs(goal).preview, preview),
    actAs(jobs(goal).deploy, deploy),
    granted(
      "previews read the state",
      grants.stateBucket,
      [["roles/storage.objectViewer", previews]],
      ["storage", "buckets", "add-iam-policy-binding", backendUrl(goal)],
    ),
    granted(
      "previews decrypt with the key, deployments use it",
      grants.key,
      [
        ["roles/cloudkms.cryptoKeyDecrypter", previews],
        [ENCRYPT_AND_DECRYPT, deployments],
      ],
      ["kms", "keys", "add-iam-policy-binding", ...keyArgs(goal)],
      "cloudkms.cryptoKeys.setIamPolicy",
    ),
    granted(
      "roles of previews and deployments in the project",
      grants.project,
      [
        ...PREVIEW_ROLES.map((role): Grant => [role, previews]),
        ...[...DEPLOY_ROLES, ...(found.machine.file.domain ? DOMAIN_ROLES : [])].map(
          (role): Grant => [role, deployments],
        ),
      ],
      ["projects", "add-iam-policy-binding", goal.project, "--condition", "None"],
      "resourcemanager.projects.setIamPolicy",
    ),
    ...Object.values(own).map((address) =>
      onAccount(
        `deployments use ${address}`,
        address,
        DEPLOY_ACCOUNT_ROLES.map((role): Grant => [role, deployments]),
      ),
    ),
  ];
}

/** A GitHub job as a member of an IAM policy. */
function principal({ found, github }: Delivery, environment: string): string {
  return `principal://iam.googleapis.com/${poolName(found)}/subject/${github.repositoryId}:${environment}`;
}

function poolName({ project }: Found): string {
  return `projects/${project?.number ?? PROJECT_NUMBER}/locations/global/workloadIdentityPools/${POOL}`;
}

function planGitHub(delivery: Delivery): Item[] {
  const { goal } = delivery;
  const { preview, deploy } = jobs(goal);
  const { preview: previews, deploy: deployments } = accounts(goal);
  return [
    planEnvironment(delivery, preview.environment, undefined),
    planEnvironment(delivery, deploy.environment, [
      { type: "branch", name: "main" },
      ...(needsApproval(goal) ? [{ type: "tag", name: "v*" }] : []),
    ]),
    planVariables(delivery, preview, previews),
    planVariables(delivery, deploy, deployments),
  ];
}

interface RefPolicy {
  readonly type: string;
  readonly name: string;
}

/** @param policies Refs whose jobs may use the environment; undefined for all. */
function planEnvironment(
  { goal, repository, github }: Delivery,
  environment: string,
  policies: readonly RefPolicy[] | undefined,
): Item {
  const present = github.environments.get(environment);
  const path = `repos/${repository}/environments/${environment}`;
  const approved = policies !== undefined && needsApproval(goal);
  const reviewers = distinct([
    ...(present?.reviewers ?? []),
    ...(approved ? github.approvers : []),
  ]);
  const upToDate =
    present !== undefined &&
    (policies === undefined || present.customPolicies) &&
    (!approved || (present.preventSelfReview && reviewers.length === present.reviewers.length));
  // GitHub resets every setting that the request omits.
  const put = gh(
    ...["api", "--silent", "--method", "PUT", path],
    ...(present?.waitTimer ? ["-F", `wait_timer=${present.waitTimer}`] : []),
    ...(approved || present?.preventSelfReview ? ["-F", "prevent_self_review=true"] : []),
    ...reviewers.flatMap(({ type, id }) => [
      ...["-F", `reviewers[][type]=${type}`, "-F", `reviewers[][id]=${id}`],
    ]),
    ...(policies !== undefined
      ? [
          ...["-F", "deployment_branch_policy[protected_branches]=false"],
          ...["-F", "deployment_branch_policy[custom_branch_policies]=true"],
        ]
      : []),
  );
  const add = (policies ?? [])
    .filter(({ type, name }) => !present?.policies.has(`${type} ${name}`))
    .map(({ type, name }) =>
      gh(
        ...["api", "--silent", "--method", "POST", `${path}/deployment-branch-policies`],
        ...["-f", `name=${name}`, "-f", `type=${type}`],
      ),
    );
  return changed(`GitHub's environment ${environment}`, present !== undefined, [
    ...(upToDate ? [] : [put]),
    ...add,
  ]);
}

function distinct(reviewers: readonly Reviewer[]): Reviewer[] {
  return [...new Map(reviewers.map((one) => [`${one.type} ${one.id}`, one])).values()];
}

/** The variables that .github/workflows read as `vars`. */
function planVariables(
  { goal, repository, found, github }: Delivery,
  { provider, environment }: Job,
  account: string,
): Item {
  const present = github.environments.get(environment)?.variables;
  const variables = {
    GOOGLE_PROJECT: goal.project,
    GOOGLE_IDENTITY_PROVIDER: `${poolName(found)}/providers/${provider}`,
    GOOGLE_SERVICE_ACCOUNT: account,
    PULUMI_BACKEND_URL: backendUrl(goal),
  };
  const set = Object.entries(variables)
    .filter(([name, value]) => present?.get(name) !== value)
    .map(([name, value]) =>
      gh(
        ...["variable", "set", name, "--repo", repository, "--env", environment],
        ...["--body", value],
      ),
    );
  const exist = Object.keys(variables).some((name) => present?.has(name));
  return changed(`variables of GitHub's environment ${environment}`, exist, set);
}

function globally({ project }: Goal): string[] {
  return ["--location", "global", "--project", project];
}
