import { join } from "node:path";
import { parse } from "yaml";
import { OperatorError } from "../../../service/contract/errors.ts";
import { type Environment, optional } from "../../../service/contract/settings.ts";
import { asObject, isObject, type JsonObject, parseJson } from "../../../service/pure/json.ts";
import { printable } from "../../../service/pure/printable.ts";
import type { Ended, RunProgram } from "../runProgram.ts";
import type {
  Found,
  FoundBucket,
  FoundEnvironment,
  FoundGitHub,
  FoundMachine,
  FoundProject,
  FoundProvider,
  Grants,
  Reviewer,
  StackFile,
} from "./found.ts";
import {
  accounts,
  backendUrl,
  type Goal,
  jobs,
  KEY,
  KEY_RING,
  keyArgs,
  POOL,
  stateBucket,
} from "./goal.ts";
import { type Command, gcloud, gh, pulumi } from "./item.ts";
import { toShell } from "./toShell.ts";

export interface ReadDeps {
  readonly env: Environment;
  readonly run: RunProgram;
  /** The file's text; undefined if there is none. */
  readonly readFile: (path: string) => string | undefined;
}

/** A command that was run to look something up, or to do a step, failed. */
export class CommandError extends OperatorError {
  /** What the command printed on standard error. */
  readonly said: string;

  constructor(command: Command, { status, stderr }: Ended) {
    // What a command says is somebody else's text.
    const said = printable(stderr, 1000) || `it ended with ${status}`;
    super("COMMAND_FAILED", `${toShell(command)}\nfailed: ${said}`);
    this.said = said;
  }
}

/**
 * Reads all that a plan depends on, and changes nothing.
 *
 * @param approvers Logins of people and `ORG/TEAM`, whose IDs are looked up.
 * @throws OperatorError if a program or a login is missing, with all that are, or if a look-up fails
 */
export async function readFound(
  goal: Goal,
  approvers: readonly string[],
  deps: ReadDeps,
): Promise<Found> {
  const operator = await readReady(goal, deps);
  const { project } = goal;
  const foundProject = await readProject(goal, deps);
  const inProject = ["--project", project];
  const apis = new Set(
    foundProject === undefined
      ? []
      : (await list(deps, google("services", "list", "--enabled", ...inProject))).map((api) =>
          String(asObject(api.config)?.name).replace(".googleapis.com", ""),
        ),
  );
  const bucket = apis.has("storage") ? await readBucket(goal, deps) : undefined;
  const inRegion = ["--location", goal.region, ...inProject];
  const keyRing =
    apis.has("cloudkms") &&
    named(await list(deps, google("kms", "keyrings", "list", ...inRegion)), KEY_RING) !== undefined;
  const key = keyRing
    ? named(
        await list(deps, google("kms", "keys", "list", "--keyring", KEY_RING, ...inRegion)),
        KEY,
      )
    : undefined;
  return {
    operator,
    project: foundProject,
    billingAccount: foundProject && (await readBilling(goal, deps)),
    apis,
    stateBucket: bucket,
    keyRing,
    key: key && String(asObject(key.primary)?.state ?? "missing"),
    grants: {
      project:
        foundProject && goal.github !== undefined
          ? await policy(deps, google("projects", "get-iam-policy", project))
          : new Set(),
      stateBucket:
        bucket && goal.github !== undefined
          ? await policy(deps, google("storage", "buckets", "get-iam-policy", backendUrl(goal)))
          : new Set(),
      key: key
        ? await policy(deps, google("kms", "keys", "get-iam-policy", ...keyArgs(goal)))
        : new Set(),
      accounts:
        apis.has("iam") && goal.github !== undefined ? await readAccounts(goal, deps) : new Map(),
    },
    machine: await readMachine(goal, bucket !== undefined, deps),
    github:
      goal.github === undefined
        ? undefined
        : await readGitHub(goal, goal.github, apis.has("iam"), approvers, deps),
  };
}

/** @returns the account that gcloud acts as */
async function readReady(goal: Goal, deps: ReadDeps): Promise<string> {
  const { run } = deps;
  const missing: string[] = [];
  const account = await run("gcloud", [
    ...["auth", "list", "--filter", "status:ACTIVE", "--format", "value(account)"],
  ]);
  const operator = account.stdout.trim();
  if (account.status === 127) {
    missing.push("gcloud is not installed. See https://cloud.google.com/sdk/docs/install.");
  } else if (account.status !== 0 || operator === "") {
    missing.push("gcloud has no account to act as. Run gcloud auth login.");
  } else if ((await run("gcloud", PRINT_TOKEN)).status !== 0) {
    missing.push(
      "There are no usable application default credentials, which Pulumi uses. Run gcloud auth application-default login.",
    );
  }
  const pulumi = await run("npx", ["pulumi", "version"]);
  if (pulumi.status !== 0) {
    missing.push(
      `npx pulumi does not run: ${printable(pulumi.stderr, 300) || "no npx"}. Run npm ci, then npx pulumi version, which downloads it.`,
    );
  }
  if (goal.github !== undefined) {
    const { status } = await run("gh", ["auth", "status"]);
    if (status === 127) missing.push("gh is not installed. See https://cli.github.com.");
    else if (status !== 0) missing.push("gh is not logged in. Run gh auth login.");
  }
  const backend = optional(deps.env, "PULUMI_BACKEND_URL");
  if (backend !== undefined && backend !== backendUrl(goal)) {
    missing.push(
      `PULUMI_BACKEND_URL is set, and not to ${backendUrl(goal)}. Unset it, or every Pulumi command goes there.`,
    );
  }
  if (missing.length > 0) throw new OperatorError("PROGRAM_MISSING", missing.join("\n"));
  return operator;
}

const PRINT_TOKEN = ["auth", "application-default", "print-access-token"];

async function readProject(
  { project }: Goal,
  { run }: ReadDeps,
): Promise<FoundProject | undefined> {
  const command = google("projects", "describe", project);
  const ended = await run(command.program, command.args);
  // Google does not tell a project that is not there from one that is somebody else's.
  if (ended.status !== 0 && /NOT_FOUND|not exist/.test(ended.stderr)) return undefined;
  const { projectNumber, lifecycleState } = parsed(command, ended);
  return { number: String(projectNumber), state: String(lifecycleState) };
}

async function readBilling({ project }: Goal, deps: ReadDeps): Promise<string | undefined> {
  const command = google("billing", "projects", "describe", project);
  const { billingEnabled, billingAccountName } = await object(deps, command);
  return billingEnabled === true ? lastPart(billingAccountName) : undefined;
}

async function readBucket(goal: Goal, deps: ReadDeps): Promise<FoundBucket | undefined> {
  const command = google("storage", "buckets", "list", "--project", goal.project);
  const found = named(await list(deps, command), stateBucket(goal));
  return (
    found && {
      versioning: found.versioning_enabled === true,
      uniformAccess: found.uniform_bucket_level_access === true,
      publicAccessPrevention: found.public_access_prevention === "enforced",
    }
  );
}

async function readAccounts(goal: Goal, deps: ReadDeps): Promise<ReadonlyMap<string, Grants>> {
  const inProject = ["--project", goal.project];
  const all = await list(deps, google("iam", "service-accounts", "list", ...inProject));
  const present = new Set(all.map(({ email }) => email));
  const grants = new Map<string, Grants>();
  for (const address of Object.values(accounts(goal))) {
    if (!present.has(address)) continue;
    const command = google("iam", "service-accounts", "get-iam-policy", address, ...inProject);
    grants.set(address, await policy(deps, command));
  }
  return grants;
}

async function readMachine(goal: Goal, bucket: boolean, deps: ReadDeps): Promise<FoundMachine> {
  const { run, readFile } = deps;
  // It fails if there is no login, or the backend is gone: then there is one to be made.
  const { stdout } = await run("npx", ["pulumi", "whoami", "--json"]);
  const url = asObject(parseJson(stdout))?.url;
  const command = pulumi("stack", "ls", "--json");
  const stacks = bucket
    ? array(
        command,
        await run(command.program, command.args, { PULUMI_BACKEND_URL: backendUrl(goal) }),
      )
    : [];
  return {
    quotaProject: readQuotaProject(deps),
    backend: typeof url === "string" ? url : undefined,
    stack: named(stacks, goal.environment) !== undefined,
    file: parseStackFile(readFile(`Pulumi.${goal.environment}.yaml`) ?? ""),
  };
}

/** https://cloud.google.com/docs/authentication/application-default-credentials */
function readQuotaProject({ env, readFile }: ReadDeps): string | undefined {
  if (optional(env, "GOOGLE_APPLICATION_CREDENTIALS") !== undefined) return "none";
  const folder =
    optional(env, "CLOUDSDK_CONFIG") ??
    (env.APPDATA === undefined
      ? join(env.HOME ?? "", ".config", "gcloud")
      : join(env.APPDATA, "gcloud"));
  const file = readFile(join(folder, "application_default_credentials.json"));
  const credentials = asObject(parseJson(file ?? ""));
  if (credentials?.type !== "authorized_user") return "none";
  return typeof credentials.quota_project_id === "string"
    ? credentials.quota_project_id
    : undefined;
}

/** @param text Pulumi.yaml */
export function parseProductName(text: string): string {
  return String(asObject(parse(text))?.name);
}

/** @param text Pulumi.STACK.yaml */
export function parseStackFile(text: string): StackFile {
  const file = asObject(parse(text));
  const config = asObject(file?.config);
  const string = (value: unknown) => (typeof value === "string" ? value : undefined);
  return {
    project: string(config?.["gcp:project"]),
    region: string(config?.["gcp:region"]),
    secretsProvider: string(file?.secretsprovider),
    allowedUsers: Object.keys(config ?? {}).some((name) => name.endsWith(":allowedUsers")),
  };
}

async function readGitHub(
  goal: Goal,
  repository: string,
  iam: boolean,
  approvers: readonly string[],
  deps: ReadDeps,
): Promise<FoundGitHub> {
  const { id, permissions } = await object(deps, github(`repos/${repository}`));
  const atGoogle = ["--location", "global", "--show-deleted", "--project", goal.project];
  const pools = ["iam", "workload-identity-pools"];
  const pool = iam
    ? named(await list(deps, google(...pools, "list", ...atGoogle)), POOL)
    : undefined;
  const providers =
    pool === undefined
      ? []
      : await list(
          deps,
          google(...pools, "providers", "list", "--workload-identity-pool", POOL, ...atGoogle),
        );
  return {
    repositoryId: Number(id),
    admin: asObject(permissions)?.admin === true,
    pool: pool && String(pool.state),
    providers: new Map(
      providers.map((provider) => [lastPart(provider.name), toProvider(provider)]),
    ),
    environments: await readEnvironments(goal, repository, deps),
    approvers: await Promise.all(approvers.map((name) => readReviewer(name, deps))),
  };
}

function toProvider(provider: JsonObject): FoundProvider {
  return {
    state: String(provider.state),
    enabled: provider.disabled !== true,
    issuer: text(asObject(provider.oidc)?.issuerUri),
    subject: text(asObject(provider.attributeMapping)?.["google.subject"]),
    condition: text(provider.attributeCondition),
  };
}

async function readEnvironments(
  goal: Goal,
  repository: string,
  deps: ReadDeps,
): Promise<ReadonlyMap<string, FoundEnvironment>> {
  const path = `repos/${repository}/environments`;
  const { environments } = await object(deps, github(`${path}?per_page=100`));
  const found = new Map<string, FoundEnvironment>();
  for (const { environment: name } of Object.values(jobs(goal))) {
    const environment = named(objects(environments), name);
    if (environment === undefined) continue;
    const rules = objects(environment.protection_rules);
    const review = rules.find(({ type }) => type === "required_reviewers");
    const customPolicies =
      asObject(environment.deployment_branch_policy)?.custom_branch_policies === true;
    const policies = customPolicies
      ? (await object(deps, github(`${path}/${name}/deployment-branch-policies?per_page=100`)))
          .branch_policies
      : [];
    const { variables } = await object(deps, github(`${path}/${name}/variables?per_page=30`));
    found.set(name, {
      waitTimer: Number(rules.find(({ type }) => type === "wait_timer")?.wait_timer ?? 0),
      reviewers: objects(review?.reviewers).map(({ type, reviewer }) => ({
        type: type === "Team" ? "Team" : "User",
        id: Number(asObject(reviewer)?.id),
      })),
      preventSelfReview: review?.prevent_self_review === true,
      customPolicies,
      policies: new Set(objects(policies).map(({ type, name }) => `${type ?? "branch"} ${name}`)),
      variables: new Map(
        objects(variables).map(({ name, value }) => [String(name), String(value)]),
      ),
    });
  }
  return found;
}

async function readReviewer(name: string, deps: ReadDeps): Promise<Reviewer> {
  const [organization, team] = name.split("/");
  const path = team === undefined ? `users/${name}` : `orgs/${organization}/teams/${team}`;
  const { id } = await object(deps, github(path));
  return { type: team === undefined ? "User" : "Team", id: Number(id) };
}

/** A command of gcloud's whose answer is read here. */
function google(...args: string[]): Command {
  return gcloud(...args, "--format", "json");
}

function github(path: string): Command {
  return gh("api", path);
}

async function policy(deps: ReadDeps, command: Command): Promise<Grants> {
  const { bindings } = await object(deps, command);
  return new Set(
    objects(bindings)
      .filter(({ condition }) => condition === undefined)
      .flatMap(({ role, members }) =>
        (Array.isArray(members) ? members : []).map((member) => `${role} ${member}`),
      ),
  );
}

async function object({ run }: ReadDeps, command: Command): Promise<JsonObject> {
  return parsed(command, await run(command.program, command.args));
}

async function list({ run }: ReadDeps, command: Command): Promise<readonly JsonObject[]> {
  return array(command, await run(command.program, command.args));
}

/** @throws CommandError */
function parsed(command: Command, ended: Ended): JsonObject {
  const value = ended.status === 0 ? asObject(parseJson(ended.stdout)) : undefined;
  if (value === undefined) throw new CommandError(command, ended);
  return value;
}

/** @throws CommandError */
function array(command: Command, ended: Ended): readonly JsonObject[] {
  const value = ended.status === 0 ? parseJson(ended.stdout) : undefined;
  if (!Array.isArray(value)) throw new CommandError(command, ended);
  return objects(value);
}

function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The one whose name, or its last part, is that. */
function named(all: readonly JsonObject[], name: string): JsonObject | undefined {
  return all.find((one) => lastPart(one.name) === name);
}

function lastPart(name: unknown): string {
  return String(name).split("/").at(-1) ?? "";
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
