import { asObject } from "../../../service/pure/json.ts";
import { checkPrograms } from "./checkPrograms.ts";
import type { Found, FoundBucket, FoundProject, Grants } from "./found.ts";
import { accounts, backendUrl, type Goal, KEY, KEY_RING, keyArgs, stateBucket } from "./goal.ts";
import {
  findByName,
  gcloudJson,
  lastPart,
  objectFrom,
  type ReadDeps,
  readGrants,
  readList,
  readObject,
} from "./query.ts";
import { readGitHub } from "./readGitHub.ts";
import { readMachine } from "./readMachine.ts";

/**
 * Reads the current state, and changes nothing.
 *
 * @param approvers Logins of people and `ORG/TEAM`, whose IDs are looked up.
 * @throws OperatorError if programs or logins are missing, or if a command fails
 */
export async function readFound(
  goal: Goal,
  approvers: readonly string[],
  deps: ReadDeps,
): Promise<Found> {
  const operator = await checkPrograms(goal, deps);
  const project = await readProject(goal, deps);
  const apis = project === undefined ? new Set<string>() : await readApis(goal, deps);
  const stateBucket = apis.has("storage") ? await readBucket(goal, deps) : undefined;
  const { keyRing, key } = apis.has("cloudkms") ? await readKey(goal, deps) : NO_KEY;
  const delivered = goal.github !== undefined;
  const iam = apis.has("iam");
  const grants = {
    project: delivered && project ? await readGrants(deps, projectPolicy(goal)) : NONE,
    stateBucket: delivered && stateBucket ? await readGrants(deps, bucketPolicy(goal)) : NONE,
    key: key === undefined ? NONE : await readGrants(deps, keyPolicy(goal)),
    accounts: delivered && iam ? await readAccounts(goal, deps) : new Map<string, Grants>(),
  };
  const billingAccount = project && (await readBilling(goal, deps));
  const machine = await readMachine(goal, stateBucket !== undefined, deps);
  const github = delivered ? await readGitHub(goal, iam, approvers, deps) : undefined;
  return {
    ...{ operator, project, billingAccount, apis, stateBucket, keyRing, key },
    ...{ grants, machine, github },
  };
}

const NONE: Grants = new Set();
const NO_KEY = { keyRing: false, key: undefined };

const projectPolicy = ({ project }: Goal) => gcloudJson("projects", "get-iam-policy", project);
const bucketPolicy = (goal: Goal) =>
  gcloudJson("storage", "buckets", "get-iam-policy", backendUrl(goal));
const keyPolicy = (goal: Goal) => gcloudJson("kms", "keys", "get-iam-policy", ...keyArgs(goal));

async function readApis({ project }: Goal, deps: ReadDeps): Promise<ReadonlySet<string>> {
  const enabled = await readList(
    deps,
    gcloudJson("services", "list", "--enabled", "--project", project),
  );
  return new Set(
    enabled.map(({ config }) => String(asObject(config)?.name).replace(".googleapis.com", "")),
  );
}

async function readKey({ project, region }: Goal, deps: ReadDeps) {
  const place = ["--location", region, "--project", project];
  const rings = await readList(deps, gcloudJson("kms", "keyrings", "list", ...place));
  if (findByName(rings, KEY_RING) === undefined) return NO_KEY;
  const keys = await readList(
    deps,
    gcloudJson("kms", "keys", "list", "--keyring", KEY_RING, ...place),
  );
  const key = findByName(keys, KEY);
  return { keyRing: true, key: key && String(asObject(key.primary)?.state ?? "missing") };
}

async function readProject(
  { project }: Goal,
  { run }: ReadDeps,
): Promise<FoundProject | undefined> {
  const command = gcloudJson("projects", "describe", project);
  const ended = await run(command.program, command.args);
  // For another owner's project, Google answers as if it did not exist.
  if (ended.status !== 0 && /NOT_FOUND|not exist/.test(ended.stderr)) return undefined;
  const { projectNumber, lifecycleState } = objectFrom(command, ended);
  return { number: String(projectNumber), state: String(lifecycleState) };
}

async function readBilling({ project }: Goal, deps: ReadDeps): Promise<string | undefined> {
  const command = gcloudJson("billing", "projects", "describe", project);
  const { billingEnabled, billingAccountName } = await readObject(deps, command);
  return billingEnabled === true ? lastPart(billingAccountName) : undefined;
}

async function readBucket(goal: Goal, deps: ReadDeps): Promise<FoundBucket | undefined> {
  const command = gcloudJson("storage", "buckets", "list", "--project", goal.project);
  const found = findByName(await readList(deps, command), stateBucket(goal));
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
  const all = await readList(deps, gcloudJson("iam", "service-accounts", "list", ...inProject));
  const present = new Set(all.map(({ email }) => email));
  const grants = new Map<string, Grants>();
  for (const address of Object.values(accounts(goal))) {
    if (!present.has(address)) continue;
    const command = gcloudJson("iam", "service-accounts", "get-iam-policy", address, ...inProject);
    grants.set(address, await readGrants(deps, command));
  }
  return grants;
}
