import { describe, expect, test } from "@jest/globals";
import type { ErrorHook, ResourceHook } from "@pulumi/pulumi";
import { onError, withHook } from "../../../infra/errors/onError.ts";

const DISABLED =
  "googleapi: Error 403: Secret Manager API has not been used in project acme-phoenix before or it " +
  "is disabled. If you enabled this API recently, wait a few minutes. Details: SERVICE_DISABLED";

async function decide(
  failedOperation: string,
  errors: string[],
  newInputs: Record<string, unknown> = { project: "acme-phoenix" },
) {
  const waits: number[] = [];
  const told: string[] = [];
  const again = await onError(
    { failedOperation, errors, newInputs },
    {
      stack: "staging",
      wait: async (seconds) => void waits.push(seconds),
      tell: async (text) => void told.push(text),
    },
  );
  return { again, waits, told };
}

/**
 * Google's errors in first deployments, and how each is handled. Sources: Google's troubleshooting
 * pages, and issues of hashicorp/terraform-provider-google.
 */
const TRANSIENT: readonly [when: string, message: string][] = [
  ["an API was enabled just now", DISABLED],
  [
    "Secret Manager may not publish yet",
    "Error 403: Permission 'pubsub.topics.publish' denied on resource projects/acme/topics/events",
  ],
  [
    "an account was made just now",
    "Error 400: Service account phoenix-dev@acme.iam.gserviceaccount.com does not exist.",
  ],
  [
    "a new account can't be acted as yet",
    "Error 403: Permission 'iam.serviceaccounts.actAs' denied on service account " +
      "phoenix-dev@acme.iam.gserviceaccount.com (or it may not exist).",
  ],
  [
    "Cloud Run's agent was made just now",
    "Error 403: Google Cloud Run Service Agent does not have permission to get access tokens for the " +
      "service account phoenix-dev@acme.iam.gserviceaccount.com. Please give service-1@serverless-robot-prod" +
      ".iam.gserviceaccount.com permission iam.serviceAccounts.getAccessToken on the service account.",
  ],
  [
    "two grants were made at once",
    "Error 409: There were concurrent policy changes. Please retry the whole read-modify-write",
  ],
  [
    "there were too many calls",
    "Error 429: Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute'",
  ],
  [
    "there were too many calls of the API that enables others",
    "Error 429: Quota exceeded for quota metric 'Mutate requests' and limit 'Mutate requests per " +
      "minute' of service 'serviceusage.googleapis.com' for consumer 'project_number:1'.",
  ],
  [
    "accounts were created too fast",
    "Error 429: A quota has been reached for project number 1: Service accounts created per minute per project.",
  ],
  [
    "buckets were created too fast",
    "Error 429: The project exceeded the rate limit for creating and deleting buckets., rateLimitExceeded",
  ],
  [
    "a new account has no identity yet",
    "Error 400: Gaia id not found for email x@acme.iam, badRequest",
  ],
  [
    "a new project's metrics are unknown",
    'Error 404: Cannot find metric that matches type = "monitoring.googleapis.com/uptime_check/check_passed".',
  ],
  [
    "a new account can't be granted roles on yet",
    "Error 403: Permission 'iam.serviceAccounts.getIamPolicy' denied on resource (or it may not exist).",
  ],
  ["a new account is unknown", "Error 404: Unknown service account"],
  ["a new topic is unknown", "Error 404: Resource not found (resource=phoenix-dev-secret-events)."],
  [
    "a new network endpoint group is not ready",
    "Error 400: The resource 'projects/acme/regions/r/networkEndpointGroups/n' is not ready, resourceNotReady",
  ],
  [
    "Cloud Run changed the service meanwhile",
    "Error 409: Conflict for resource 'phoenix-dev': version '1' was specified but current version is '2'.",
  ],
  [
    "the project's ID has the word revision",
    "Error 403: Cloud Run Admin API has not been used in project acme-revision before or it is disabled.",
  ],
  ["the connection breaks", "read tcp 10.0.0.1:443: read: connection reset by peer"],
  ["Google has a fault", "Error 503: The service is currently unavailable., backendError"],
];

const PERMANENT: readonly [when: string, message: string, remedy: RegExp][] = [
  [
    "Secret Manager may not be used by whoever deploys",
    "Error 403: Permission 'secretmanager.secrets.create' denied for resource 'projects/acme'",
    /lacks a permission in acme-phoenix.*gcloud auth application-default login.*pulumi up --stack staging/,
  ],
  [
    "the project's ID has the word billing",
    "Error 403: Permission 'secretmanager.secrets.create' denied for resource 'projects/acme-billing'",
    /lacks a permission in acme-phoenix/,
  ],
  [
    "APIs may not be enabled by whoever deploys",
    "Error 403: Permission denied to enable service [run.googleapis.com]\nDetails: " +
      '[{"domain": "serviceusage.googleapis.com", "reason": "AUTH_PERMISSION_DENIED"}]',
    /lacks a permission in acme-phoenix/,
  ],
  [
    "the organization forbids the multi-region of a bucket",
    "Error 412: 'eu' violates constraint 'constraints/gcp.resourceLocations', conditionNotMet",
    /config set --stack staging endedLocation REGION/,
  ],
  [
    "the organization forbids the region, in a project whose ID has the word global",
    "Error 400: Constraint `constraints/gcp.resourceLocations` violated for [projects/acme-global] " +
      "attempting to create service in [us-central1]",
    /config set --stack staging gcp:region REGION/,
  ],
  [
    "a token was refused",
    "Error 401: Request had invalid authentication credentials.",
    /gcloud auth application-default login/,
  ],
  [
    "there are no credentials",
    "google: could not find default credentials. See https://cloud.google.com/docs/authentication",
    /gcloud auth application-default login.*pulumi up --stack staging/,
  ],
  [
    "credentials have expired",
    'oauth2: "invalid_grant" "reauth related error (invalid_rapt)"',
    /gcloud auth application-default login.*pulumi up --stack staging/,
  ],
  [
    "a person's credentials name no project",
    "Error 403: Your application is authenticating by using local Application Default Credentials. The " +
      "secretmanager.googleapis.com API requires a quota project, which is not set by default.",
    /application-default set-quota-project acme-phoenix/,
  ],
  [
    "the organization forbids a service without a check of its callers",
    "Error 400: Violation in CREATE: service.invoker_iam_disabled is not currently available.",
    /publicAccess allUsers/,
  ],
  [
    "the same, by the policy's name",
    "Error 400: Operation denied by org policy: constraints/run.managed.requireInvokerIam",
    /publicAccess allUsers/,
  ],
  [
    "the organization forbids allUsers",
    "Error 400: One or more users named in the policy do not belong to a permitted customer.",
    /publicAccess invokerIamDisabled/,
  ],
  [
    "the same, by the policy's name",
    "Error 400: violates constraint constraints/iam.allowedPolicyMemberDomains",
    /publicAccess invokerIamDisabled/,
  ],
  [
    "the same, by the managed policy's name",
    "Error 412: Operation denied by org policy: [constraints/iam.managed.allowedPolicyMembers]",
    /publicAccess invokerIamDisabled/,
  ],
  [
    "the organization forbids services that the internet reaches",
    "Error 400: Constraint constraints/run.allowedIngress violated for projects/acme",
    /config set --stack staging domain DOMAIN.*exemption of acme-phoenix.*pulumi up --stack staging/,
  ],
  [
    "GitHub's deployment has no roles for a domain",
    "Error 403: Required 'compute.globalAddresses.create' permission for 'projects/acme-phoenix'",
    /npm run bootstrap -- staging --project acme-phoenix --github OWNER\/NAME`.*pulumi up --stack staging/,
  ],
  [
    "GitHub's deployment has no roles for a certificate",
    "Error 403: Permission 'certificatemanager.certs.create' denied on 'projects/acme-phoenix'",
    /npm run bootstrap -- staging --project acme-phoenix --github OWNER\/NAME`/,
  ],
  [
    "the organization forbids global secrets",
    "Error 400: Constraint `constraints/gcp.resourceLocations` violated for [orgpolicy:projects/1] " +
      "attempting to create a secret in [global].",
    /secretLocations REGIONS/,
  ],
  [
    "the organization forbids the region",
    "Error 412: 'us-central1' violates constraint 'constraints/gcp.resourceLocations'",
    /npx pulumi config set --stack staging gcp:region REGION/,
  ],
  [
    "the organization forbids new accounts",
    "Error 400: Operation denied by org policy: constraints/iam.disableServiceAccountCreation",
    /exemption of acme-phoenix/,
  ],
  [
    "the APIs that enable others are missing",
    "Error 403: Cloud Resource Manager API has not been used in project 1 before or it is disabled.",
    /gcloud services enable serviceusage\.googleapis\.com cloudresourcemanager\.googleapis\.com/,
  ],
  [
    "the project has no billing account",
    "Error 400: Billing account for project '1' is not found. Billing must be enabled",
    /gcloud billing projects link/,
  ],
  [
    "the billing account is closed",
    "Error 403: The billing account for the owning project is disabled in state absent, accountDisabled",
    /gcloud billing projects link/,
  ],
  [
    "the revision was too early for its grant: it would be found when it is tried again",
    "Revision 'phoenix-dev-00001-abc' is not ready and cannot serve traffic. Permission denied on " +
      "secret: projects/1/secrets/S/versions/1 for Revision service account x@acme.iam.gserviceaccount.com.",
    /pulumi up --stack staging --config redeploy=1/,
  ],
  [
    "the revision does not start",
    "Revision 'phoenix-dev-00001-abc' is not ready and cannot serve traffic. The user-provided container " +
      "failed the configured startup probe checks.",
    /gcloud logging read .* --project acme-phoenix.*--config redeploy=1/,
  ],
  [
    "the quota of CPUs is small",
    "Error 429: Quota violated: CpuAllocPerProjectRegion requested: 20000 allowed: 10000",
    /maxInstances NUMBER/,
  ],
  ...["IN_USE_ADDRESSES' exceeded.  Limit: 8.0", "SECURITY_POLICIES' exceeded.  Limit: 0.0"].map(
    (what): [string, string, RegExp] => [
      `a quota of the load balancer is too small: ${what}`,
      `Error waiting to create: Error 403: Quota '${what} globally., quotaExceeded`,
      /iam-admin\/quotas\?project=acme-phoenix\. Then run `npx pulumi up --stack staging`/,
    ],
  ),
  [
    "whoever deploys can't read the image",
    'Error 403: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "r"',
    /roles\/artifactregistry\.reader --member MEMBER --project acme-phoenix/,
  ],
  [
    "nobody has accepted the terms",
    "Error 403: Callers must accept Terms of Service: Google Cloud, forbidden",
    /console\.cloud\.google\.com with it, then run/,
  ],
  [
    "a perimeter forbids the call",
    "Error 403: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x",
    /exemption of acme-phoenix/,
  ],
  [
    "a bucket's name is taken",
    "Error 409: The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again., conflict",
    /stack rename --stack staging NAME.*Pulumi\.yaml/,
  ],
  [
    "an update before this one broke off",
    "Error 409: Resource 'phoenix-dev' already exists., alreadyExists",
    /pulumi import TYPE NAME ID --stack staging/,
  ],
  [
    "the project's ID is wrong",
    "Error 404: Project 'acme-phoenx' not found or permission denied.",
    /config set --stack staging gcp:project ID/,
  ],
];

test.each(TRANSIENT)("if %s, the operation is retried", async (_, message) => {
  expect(await decide("create", [message])).toEqual({ again: true, waits: [10], told: [] });
});

describe("the remedy", () => {
  test.each(PERMANENT)("is shown if %s", async (_, message, remedy) => {
    const { again, told } = await decide("create", [message]);
    expect([again, told]).toEqual([false, [expect.stringMatching(remedy)]]);
    const commands = told.join().match(/`(gcloud|npx) [^`]+`/g) ?? [];
    expect(commands.length + (/exemption/.test(told.join()) ? 1 : 0)).toBeGreaterThan(0);
    for (const command of commands) {
      expect(command).toMatch(
        /--stack staging\b|\bacme-phoenix\b|application-default login|projects list/,
      );
    }
  });

  test("does not call a resource that is missing a missing project", async () => {
    const { told } = await decide("update", [
      "Error 404: The resource 'projects/acme/global/urlMaps/x' was not found, notFound",
    ]);
    expect(told).toEqual([]);
  });

  test("is missing for an unknown error", async () => {
    const { again, told } = await decide("create", ["Error 400: rotation_period is too short"]);
    expect([again, told]).toEqual([false, []]);
  });

  test("has a placeholder for an unknown project", async () => {
    const { told } = await decide("create", ["Error 400: Billing must be enabled"], {});
    expect(told).toEqual([expect.stringContaining("gcloud billing projects link PROJECT ")]);
  });
});

test("an image that Cloud Run's agent can't read has a remedy, once the agent is known everywhere", async () => {
  const unreadable =
    "Error 403: Google Cloud Run Service Agent service-1@serverless-robot-prod.iam.gserviceaccount.com " +
    "must have permission to read the image, europe-west1-docker.pkg.dev/other/repository/image.";
  expect(await decide("create", [unreadable])).toMatchObject({ again: true });
  const { told } = await decide("create", Array(19).fill(unreadable));
  expect(told).toEqual([expect.stringContaining("roles/artifactregistry.reader")]);
});

test("an operation is retried every ten seconds for three minutes, and then the remedy is shown", async () => {
  expect(await decide("update", Array(18).fill(DISABLED))).toMatchObject({ again: true });
  expect(await decide("update", Array(19).fill(DISABLED))).toMatchObject({ again: false });
});

test("only the newest error counts, which is the first in the list", async () => {
  expect(await decide("create", ["Error 400: invalid", DISABLED])).toMatchObject({ again: false });
});

test("a deletion is not retried", async () => {
  expect(await decide("delete", [DISABLED])).toMatchObject({ again: false, waits: [] });
});

test("every Google resource gets the hook, and keeps its other options and hooks", () => {
  const hook = { name: "hook" } as ErrorHook;
  const before = { name: "before" } as ResourceHook;
  const own = { protect: true, hooks: { beforeCreate: [before] } };
  const options = (type: string) =>
    withHook(hook)({ type, name: "x", props: { a: 1 }, opts: { ...own } } as never);
  expect(options("gcp:storage/bucket:Bucket")).toEqual({
    props: { a: 1 },
    opts: { protect: true, hooks: { beforeCreate: [before], onError: [hook] } },
  });
  expect(options("infra:web:WebService")).toBeUndefined();
});
