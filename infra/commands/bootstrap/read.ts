import { asObject } from "../../../service/pure/json.ts";
import type { Found, FoundBucket, FoundProject, Grants } from "./found.ts";
import { accounts, backendUrl, type Goal, KEY, KEY_RING, keyArgs, stateBucket } from "./goal.ts";
import { google, lastPart, list, named, object, parsed, policy, type ReadDeps } from "./query.ts";
import { readGitHub } from "./readGitHub.ts";
import { readMachine } from "./readMachine.ts";
import { readReady } from "./ready.ts";

/**
 * Reads all that a plan depends on, and changes nothing.
 *
 * @param approvers Logins of people and `ORG/TEAM`, whose IDs are looked up.
 * @throws OperatorError if programs or logins are missing, or if a command fails
 */
export async function readFound(
  goal: Goal,
  approvers: readonly string[],
  deps: ReadDeps,
): Promise<Found> {
  const operator = await readReady(goal, deps);
  const project = await readProject(goal, deps);
  const apis = project === undefined ? new Set<string>() : await readApis(goal, deps);
  const stateBucket = apis.has("storage") ? await readBucket(goal, deps) : undefined;
  const { keyRing, key } = apis.has("cloudkms") ? await readKey(goal, deps) : NO_KEY;
  const delivered = goal.github !== undefined;
  const iam = apis.has("iam");
  const grants = {
    project: delivered && project ? await policy(deps, projectPolicy(goal)) : NONE,
    stateBucket: delivered && stateBucket ? await policy(deps, bucketPolicy(goal)) : NONE,
    key: key === undefined ? NONE : await policy(deps, keyPolicy(goal)),
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

const projectPolicy = ({ project }: Goal) => google("projects", "get-iam-policy", project);
const bucketPolicy = (goal: Goal) =>
  google("storage", "buckets", "get-iam-policy", backendUrl(goal));
const keyPolicy = (goal: Goal) => google("kms", "keys", "get-iam-policy", ...keyArgs(goal));

async function readApis({ project }: Goal, deps: ReadDeps): Promise<ReadonlySet<string>> {
  const enabled = await list(deps, google("services", "list", "--enabled", "--project", project));
  return new Set(
    enabled.map(({ config }) => String(asObject(config)?.name).replace(".googleapis.com", "")),
  );
}

async function readKey({ project, region }: Goal, deps: ReadDeps) {
  const place = ["--location", region, "--project", project];
  const rings = await list(deps, google("kms", "keyrings", "list", ...place));
  if (named(rings, KEY_RING) === undefined) return NO_KEY;
  const keys = await list(deps, google("kms", "keys", "list", "--keyring", KEY_RING, ...place));
  const key = named(keys, KEY);
  return { keyRing: true, key: key && String(asObject(key.primary)?.state ?? "missing") };
}

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
