/** What passes by itself in what Google answers, and what mends the rest. Messages in, text out. */

/**
 * An API, a grant or an account that was made a moment ago is not known everywhere yet:
 * https://cloud.google.com/iam/docs/access-change-propagation
 */
const NOT_YET = [
  /SERVICE_DISABLED|API has not been used in project/,
  // Secret Manager publishes as soon as it is told the topic.
  /permission[^\n]*publish|pubsub\.topics\.publish|gcp-sa-secretmanager/i,
  /service account [^\n]* does not exist/i,
];

/** The two that enable the others. */
const FIRST_APIS =
  /(serviceusage|cloudresourcemanager)\.googleapis\.com|Cloud Resource Manager API|Service Usage API/;
/** What was made before the failure: trying again would find it there and fail for that. */
const HALF_MADE = /\brevision\b/i;

/** Whether an error is one that passes by itself. */
export function isNotYet(message: string): boolean {
  if (HALF_MADE.test(message) || FIRST_APIS.test(message)) return false;
  return NOT_YET.some((pattern) => pattern.test(message));
}

/** What an error was met in, for commands. */
export interface FailedIn {
  /** Name of the stack. */
  readonly stack: string;
  /** ID of the project; undefined where the resource that failed names none. */
  readonly project: string | undefined;
}

interface Remedy {
  readonly pattern: RegExp;
  readonly remedy: (stack: string, project: string) => string;
}

const REMEDIES: readonly Remedy[] = [
  {
    pattern: /requireInvokerIam|allowedPolicyMemberDomains|permitted customer/,
    remedy: (stack) =>
      "A policy of the organization forbids this way of letting everyone call the service: " +
      "run.managed.requireInvokerIam forbids invokerIamDisabled, and iam.allowedPolicyMemberDomains " +
      `forbids allUsers. Run \`npx pulumi config set --stack ${stack} publicAccess WHO\` with ` +
      "the other of the two, or with private.",
  },
  {
    pattern: FIRST_APIS,
    remedy: (stack, project) =>
      "The project lacks the APIs that enable the others. Run `gcloud services enable " +
      `serviceusage.googleapis.com cloudresourcemanager.googleapis.com --project ${project}\`, wait a ` +
      `minute, then run \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /billing/i,
    remedy: (stack, project) =>
      `The project has no billing account. Run \`gcloud billing projects link ${project} ` +
      `--billing-account ACCOUNT\`, then \`npx pulumi up --stack ${stack}\` again.`,
  },
  {
    pattern: /gcp\.resourceLocations/,
    remedy: (stack) =>
      "A policy of the organization, gcp.resourceLocations, forbids this region. Run `npx pulumi " +
      `config set --stack ${stack} gcp:region REGION\` with one that it allows.`,
  },
];

/** What to do about an error that stays; undefined where Google's own words have to do. */
export function remedyFor(
  message: string,
  { stack, project = "PROJECT" }: FailedIn,
): string | undefined {
  return REMEDIES.find(({ pattern }) => pattern.test(message))?.remedy(stack, project);
}
