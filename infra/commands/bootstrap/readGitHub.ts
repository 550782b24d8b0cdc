import { asObject, type JsonObject } from "../../../service/pure/json.ts";
import type { FoundEnvironment, FoundGitHub, FoundProvider, Reviewer } from "./found.ts";
import { type Goal, jobs, POOL } from "./goal.ts";
import {
  asText,
  findByName,
  gcloudJson,
  ghApi,
  lastPart,
  objectsIn,
  type ReadDeps,
  readList,
  readObject,
} from "./query.ts";

/**
 * Reads the repository's settings, and the workload identity federation of its jobs.
 *
 * @param iam Whether the IAM API is enabled.
 */
export async function readGitHub(
  goal: Goal,
  iam: boolean,
  approvers: readonly string[],
  deps: ReadDeps,
): Promise<FoundGitHub> {
  const repository = goal.github ?? "";
  const { id, permissions } = await readObject(deps, ghApi(`repos/${repository}`));
  const atGoogle = ["--location", "global", "--show-deleted", "--project", goal.project];
  const pools = ["iam", "workload-identity-pools"];
  const pool = iam
    ? findByName(await readList(deps, gcloudJson(...pools, "list", ...atGoogle)), POOL)
    : undefined;
  const providers =
    pool === undefined
      ? []
      : await readList(
          deps,
          gcloudJson(...pools, "providers", "list", "--workload-identity-pool", POOL, ...atGoogle),
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
    issuer: asText(asObject(provider.oidc)?.issuerUri),
    subject: asText(asObject(provider.attributeMapping)?.["google.subject"]),
    condition: asText(provider.attributeCondition),
  };
}

async function readEnvironments(
  goal: Goal,
  repository: string,
  deps: ReadDeps,
): Promise<ReadonlyMap<string, FoundEnvironment>> {
  const path = `repos/${repository}/environments`;
  const { environments } = await readObject(deps, ghApi(`${path}?per_page=100`));
  const found = new Map<string, FoundEnvironment>();
  for (const { environment: name } of Object.values(jobs(goal))) {
    const environment = findByName(objectsIn(environments), name);
    if (environment === undefined) continue;
    const rules = objectsIn(environment.protection_rules);
    const review = rules.find(({ type }) => type === "required_reviewers");
    const customPolicies =
      asObject(environment.deployment_branch_policy)?.custom_branch_policies === true;
    const policies = customPolicies
      ? (await readObject(deps, ghApi(`${path}/${name}/deployment-branch-policies?per_page=100`)))
          .branch_policies
      : [];
    const { variables } = await readObject(deps, ghApi(`${path}/${name}/variables?per_page=30`));
    found.set(name, {
      waitTimer: Number(rules.find(({ type }) => type === "wait_timer")?.wait_timer ?? 0),
      reviewers: objectsIn(review?.reviewers).map(({ type, reviewer }) => ({
        type: type === "Team" ? "Team" : "User",
        id: Number(asObject(reviewer)?.id),
      })),
      preventSelfReview: review?.prevent_self_review === true,
      customPolicies,
      policies: new Set(objectsIn(policies).map(({ type, name }) => `${type ?? "branch"} ${name}`)),
      variables: new Map(
        objectsIn(variables).map(({ name, value }) => [String(name), String(value)]),
      ),
    });
  }
  return found;
}

async function readReviewer(name: string, deps: ReadDeps): Promise<Reviewer> {
  const [organization, team] = name.split("/");
  const path = team === undefined ? `users/${name}` : `orgs/${organization}/teams/${team}`;
  const { id } = await readObject(deps, ghApi(path));
  return { type: team === undefined ? "User" : "Team", id: Number(id) };
}
