/** Transient errors of Google's APIs, and remedies for permanent ones, by the error's message. */

/**
 * Transient errors of a first `up` in a new project. Most occur because Google propagates new APIs,
 * grants and accounts with a delay:
 * https://cloud.google.com/iam/docs/access-change-propagation
 */
const TRANSIENT = [
  /SERVICE_DISABLED|API has not been used in project/i,
  // Secret Manager publishes a test message as soon as the topic is set.
  /permission[^\n]*publish|pubsub\.topics\.publish|gcp-sa-secretmanager/i,
  /service account [^\n]* does not exist/i,
  // Also the answer for an account that was created a moment ago.
  /iam\.serviceaccounts\.\w+'? denied [^\n]*\(or it may not exist\)/i,
  /Unknown service account|Gaia id not found|Resource not found \(resource=|resourceNotReady/i,
  // Google may know a new project's metrics only after some minutes.
  /Cannot find metric/i,
  /Cloud Run Service Agent does not have permission to get access tokens|serverless-robot-prod/,
  /concurrent policy changes|Error 409: Conflict for resource|Error 409:[^\n]*\baborted\b/i,
  /RATE_?LIMIT_?EXCEEDED|quota [^\n]*per minute/i,
  /Error (500|502|503|504)\b/,
  /connection reset by peer|TLS handshake timeout|i\/o timeout|unexpected EOF/,
];

/** The two APIs through which the others are enabled. */
const FIRST_APIS = /(Cloud Resource Manager|Service Usage) API has not been used in project/i;
/** A retry fails, because the failed revision already exists. */
const FAILED_REVISION = /(?<![-\w/])revision(?![-\w])/i;

/** Whether a retry can succeed, judged by the error's message. */
export function isTransient(message: string): boolean {
  if (FAILED_REVISION.test(message) || FIRST_APIS.test(message)) return false;
  return TRANSIENT.some((pattern) => pattern.test(message));
}

/** Where an error occurred, for the commands in remedies. */
interface FailedIn {
  /** Name of the stack. */
  readonly stack: string;
  /** ID of the project; undefined if the failed resource has no `project`. */
  readonly project: string | undefined;
}

interface Remedy {
  readonly pattern: RegExp;
  readonly remedy: (stack: string, project: string) => string;
}

const LOGIN =
  "Log in with an account that may deploy: `gcloud auth application-default login`. In a workflow, " +
  "check its identity: see infra/README.md, Delivery with GitHub";

/** The first matching pattern decides, so more specific ones come first. */
const REMEDIES: readonly Remedy[] = [
  {
    pattern: /could not find default credentials|invalid_grant|invalid_rapt|reauth|Error 401\b/i,
    remedy: (stack) => `${LOGIN}. Then run \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /requires a quota project|quota project/i,
    remedy: (stack, project) =>
      "User credentials need a quota project. Run `gcloud auth " +
      `application-default set-quota-project ${project}\`, then \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /invoker_iam_disabled|requireInvokerIam/,
    remedy: (stack) =>
      "A policy of the organization, run.managed.requireInvokerIam, forbids invokerIamDisabled. Run " +
      `\`npx pulumi config set --stack ${stack} publicAccess allUsers\` to let everyone in with a grant, ` +
      "or with `private` to let in principals with roles/run.invoker only.",
  },
  {
    pattern: /iam\.managed\.allowedPolicyMembers|allowedPolicyMemberDomains|permitted customer/,
    remedy: (stack) =>
      "A policy of the organization, iam.allowedPolicyMemberDomains or iam.managed.allowedPolicyMembers, " +
      `forbids allUsers. Run \`npx pulumi config set --stack ${stack} publicAccess invokerIamDisabled\` ` +
      "to let everyone in without a grant, or with `private` to let in principals with " +
      "roles/run.invoker only.",
  },
  {
    pattern: /run\.allowedIngress/,
    remedy: (stack, project) =>
      "A policy of the organization, run.allowedIngress, forbids a service that the internet reaches " +
      `directly. Run \`npx pulumi config set --stack ${stack} domain DOMAIN\`, because a domain's ` +
      `load balancer is the only way in, or ask for an exemption of ${project}. Then run ` +
      `\`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern:
      /resourceLocations.*(\[global\]|a secret\b)|(\[global\]|a secret\b).*resourceLocations/is,
    remedy: (stack) =>
      "A policy of the organization, gcp.resourceLocations, forbids secrets that Google replicates " +
      `where it wants. Run \`npx pulumi config set --stack ${stack} secretLocations REGIONS\` with ` +
      "regions that it allows, such as europe-west1,europe-west4.",
  },
  {
    // A bucket's multi-region or pair of regions.
    pattern: /'(us|eu|asia|(eur|nam|asia)\d+)' violates [^\n]*gcp\.resourceLocations/i,
    remedy: (stack) =>
      "A policy of the organization, gcp.resourceLocations, forbids the location of the ended " +
      `sessions' bucket. Run \`npx pulumi config set --stack ${stack} endedLocation REGION\` with one ` +
      "that it allows, such as europe-west1.",
  },
  {
    pattern: /gcp\.resourceLocations/,
    remedy: (stack) =>
      "A policy of the organization, gcp.resourceLocations, forbids this region. Run `npx pulumi " +
      `config set --stack ${stack} gcp:region REGION\` with one that it allows, or take the region out of the setting regions.`,
  },
  {
    pattern: /constraints\/[\w.]+|Operation denied by org policy|organization('s)? policy/i,
    remedy: (stack, project) =>
      "A policy of the organization forbids this; the message above names it. Ask for an exemption of " +
      `${project}, then run \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: FIRST_APIS,
    remedy: (stack, project) =>
      "The project lacks the APIs that enable the others. Run `gcloud services enable " +
      `serviceusage.googleapis.com cloudresourcemanager.googleapis.com --project ${project}\`, wait a ` +
      `minute, then run \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    // Not as a part of a project's ID.
    pattern: /(?<![-\w/])billing(?!-)|BILLING_(DISABLED|NOT_FOUND)/i,
    remedy: (stack, project) =>
      `The project has no billing account, or a closed one. Run \`gcloud billing projects link ${project} ` +
      `--billing-account ACCOUNT\`, then \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /Permission denied on secret/i,
    remedy: (stack) =>
      "The service's account may not read the client secret yet: Google propagates grants with a " +
      "delay. Cloud Run does not try a failed revision again; make a new one in a few minutes: " +
      `\`npx pulumi up --stack ${stack} --config redeploy=1\` (another word each time).`,
  },
  {
    pattern: /\brevision\b.*(not ready|failed to become ready|startup probe|failed to start)/is,
    remedy: (stack, project) =>
      "The new revision did not start, and the previous one keeps serving. Its log says why: `gcloud " +
      `logging read 'resource.type="cloud_run_revision" AND severity>=ERROR' --limit 20 --project ` +
      `${project}\`. If the cause was not in the configuration, fix it and create a new revision: ` +
      `\`npx pulumi up --stack ${stack} --config redeploy=1\` (another word each time).`,
  },
  {
    pattern: /Quota violated|AllocPerProjectRegion|quota exceeded for total allowable/i,
    remedy: (stack) =>
      "New projects have small quotas of CPUs and memory. Run `npx pulumi config set --stack " +
      `${stack} maxInstances NUMBER\` with fewer, or ask for more at ` +
      "https://console.cloud.google.com/iam-admin/quotas.",
  },
  {
    pattern: /Quota '\w+' exceeded/i,
    remedy: (stack, project) =>
      "The project's quota, which the message above names, is used up; some are 0 in a new project. Ask " +
      `for more at https://console.cloud.google.com/iam-admin/quotas?project=${project}. Then run ` +
      `\`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /permission to read the image|artifactregistry\.repositories\.downloadArtifacts/i,
    remedy: (stack, project) =>
      "Whoever deploys and Cloud Run's agent both need to read the image of the setting image: `gcloud " +
      "artifacts repositories add-iam-policy-binding REPOSITORY --location LOCATION --role " +
      `roles/artifactregistry.reader --member MEMBER --project ${project}\`. Then run ` +
      `\`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /accept (the )?(terms of service|tos)\b/i,
    remedy: (stack) =>
      "The account that deploys has not accepted Google Cloud's terms. Open " +
      `https://console.cloud.google.com with it, then run \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /bucket name is not available/i,
    remedy: (stack) =>
      "Another project has a bucket of this name, which is unique in the world. Change the name of the " +
      `stack, \`npx pulumi stack rename --stack ${stack} NAME\`, or \`name\` in Pulumi.yaml.`,
  },
  {
    pattern: /Error 409\b|alreadyExists|already exists/i,
    remedy: (stack) =>
      "The resource exists and is not in Pulumi's state: an interrupted update or somebody created " +
      `it. Import it with \`npx pulumi import TYPE NAME ID --stack ${stack}\`, or delete it if nothing ` +
      `needs it, then run \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern:
      /USER_PROJECT_DENIED|\bproject (?!s)[^\n/]{0,80}(not found|has been deleted)|'projects\/[\w-]+' (was )?not found/i,
    remedy: (stack) =>
      `There is no such project, or it is not yours. Run \`npx pulumi config set --stack ${stack} ` +
      "gcp:project ID` with an ID that `gcloud projects list` shows.",
  },
  {
    pattern:
      /'(compute|certificatemanager)\.[\w.]+' permission|Permission '(compute|certificatemanager)\./i,
    remedy: (stack, project) =>
      `The account that deploys lacks a permission in ${project} that only a domain needs; the ` +
      "message above names it. GitHub's gets it if you run bootstrap again: `npm run bootstrap -- " +
      `${stack} --project ${project} --github OWNER/NAME\`. Then run \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /Error 403\b|PERMISSION_DENIED|forbidden/i,
    remedy: (stack, project) =>
      `The account that deploys lacks a permission in ${project}; the message above names it. ${LOGIN}. ` +
      `Then run \`npx pulumi up --stack ${stack}\` again.`,
  },
];

/** The remedy for a permanent error; undefined if none is known. */
export function remedyFor(
  message: string,
  { stack, project = "PROJECT" }: FailedIn,
): string | undefined {
  return REMEDIES.find(({ pattern }) => pattern.test(message))?.remedy(stack, project);
}
