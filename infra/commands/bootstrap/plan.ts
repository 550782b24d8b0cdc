import { planDelivery } from "./delivery.ts";
import type { Found } from "./found.ts";
import {
  backendUrl,
  ENCRYPT_AND_DECRYPT,
  firstApis,
  type Goal,
  KEY,
  KEY_RING,
  keyArgs,
  secretsProvider,
} from "./goal.ts";
import { changed, created, gcloud, granted, type Item, member, pulumi, setTo } from "./item.ts";

/**
 * Plans the setup: what exists, and what to create or change, in order of dependency. Once all
 * commands have run, a new plan has none.
 */
export function planBootstrap(goal: Goal, found: Found): readonly Item[] {
  return [
    ...planProject(goal, found),
    ...planState(goal, found),
    ...planStack(goal, found),
    ...planDelivery(goal, found),
  ];
}

function planProject(
  goal: Goal,
  { project: present, billingAccount, apis, machine }: Found,
): Item[] {
  const { project } = goal;
  const account = goal.billingAccount ?? billingAccount ?? "";
  const missing = firstApis(goal).filter((api) => !apis.has(api));
  return [
    created(`project ${project}`, present !== undefined, [gcloud("projects", "create", project)]),
    setTo(
      `billing account ${account}`,
      billingAccount,
      account,
      gcloud("billing", "projects", "link", project, "--billing-account", account),
    ),
    created(
      `APIs ${firstApis(goal).join(", ")}`,
      missing.length === 0,
      [
        gcloud(
          ...["services", "enable", ...missing.map((api) => `${api}.googleapis.com`)],
          ...["--project", project],
        ),
      ],
      "serviceusage.services.enable",
    ),
    ...(machine.quotaProject === "none"
      ? []
      : [
          setTo(
            "quota project of your application default credentials",
            machine.quotaProject,
            project,
            gcloud("auth", "application-default", "set-quota-project", project),
          ),
        ]),
  ];
}

function planState(goal: Goal, found: Found): Item[] {
  const { project, region } = goal;
  const place = ["--location", region, "--project", project];
  return [
    planBucket(goal, found),
    created(
      `key ring ${KEY_RING} in ${region}`,
      found.keyRing,
      [{ ...gcloud("kms", "keyrings", "create", KEY_RING, ...place), mayExist: true }],
      "cloudkms.keyRings.create",
    ),
    created(
      `key ${KEY_RING}/${KEY} that encrypts the stack's secrets`,
      found.key !== undefined,
      [
        {
          ...gcloud("kms", "keys", "create", ...keyArgs(goal), "--purpose", "encryption"),
          mayExist: true,
        },
      ],
      "cloudkms.cryptoKeys.create",
    ),
    granted(
      `${found.operator} may use the key`,
      found.grants.key,
      [[ENCRYPT_AND_DECRYPT, member(found.operator)]],
      ["kms", "keys", "add-iam-policy-binding", ...keyArgs(goal)],
      "cloudkms.cryptoKeys.setIamPolicy",
    ),
  ];
}

function planBucket(goal: Goal, { stateBucket }: Found): Item {
  const { project, region } = goal;
  const url = backendUrl(goal);
  const what = `bucket ${url} for Pulumi's state, with versions`;
  const versioning = "--versioning";
  const access = ["--uniform-bucket-level-access", "--public-access-prevention"] as const;
  if (stateBucket === undefined) {
    return created(
      what,
      false,
      [
        gcloud(
          ...["storage", "buckets", "create", url, "--location", region, "--project", project],
          ...access,
        ),
        gcloud("storage", "buckets", "update", url, versioning),
      ],
      "storage.buckets.create",
    );
  }
  const flags = [
    ...(stateBucket.versioning ? [] : [versioning]),
    ...(stateBucket.uniformAccess ? [] : [access[0]]),
    ...(stateBucket.publicAccessPrevention ? [] : [access[1]]),
  ];
  const commands =
    flags.length === 0 ? [] : [gcloud("storage", "buckets", "update", url, ...flags)];
  return changed(what, true, commands);
}

function planStack(goal: Goal, { machine }: Found): Item[] {
  const { environment: stack, project, region } = goal;
  const url = backendUrl(goal);
  const set = (name: string, value: string) =>
    pulumi("config", "set", "--stack", stack, name, value);
  return [
    setTo(`Pulumi's login to ${url}`, machine.backend, url, pulumi("login", url)),
    created(`stack ${stack}`, machine.stack, [
      pulumi("stack", "init", stack, "--secrets-provider", secretsProvider(goal)),
    ]),
    setTo(
      `setting gcp:project ${project}`,
      machine.file.project,
      project,
      set("gcp:project", project),
    ),
    setTo(`setting gcp:region ${region}`, machine.file.region, region, set("gcp:region", region)),
  ];
}
