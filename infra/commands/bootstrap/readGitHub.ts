import { asObject, type JsonObject } from "../../../service/pure/json.ts";
import type { FoundEnvironment, FoundGitHub, FoundProvider, Reviewer } from "./found.ts";
import { type Goal, jobs, POOL } from "./goal.ts";
import {
  github,
  google,
  lastPart,
  list,
  named,
  object,
  objects,
  type ReadDeps,
  text,
} from "./query.ts";

/**
 * Reads what there is of the repository's, and of the identities of its jobs.
 *
 * @param iam Whether the API of identities is enabled.
 */
export async function readGitHub(
  goal: Goal,
  iam: boolean,
  approvers: readonly string[],
  deps: ReadDeps,
): Promise<FoundGitHub> {
  const repository = goal.github ?? "";
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
