import { describe, expect, test } from "@jest/globals";
import type { ErrorHook } from "@pulumi/pulumi";
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

describe("what passes by itself is tried again: that", () => {
  test.each([
    ["an API was enabled just now", DISABLED],
    [
      "Secret Manager may not publish yet",
      "Error 403: Permission 'pubsub.topics.publish' denied on resource projects/acme/topics/events",
    ],
    [
      "an account was made just now",
      "Error 400: Service account phoenix-dev@acme.iam.gserviceaccount.com does not exist.",
    ],
  ])("%s", async (_, message) => {
    expect(await decide("create", [message])).toEqual({ again: true, waits: [10], told: [] });
  });
});

describe("what does not pass fails at once: that", () => {
  test.each([
    ["a value is wrong", "Error 400: next_rotation_time must be in the future"],
    ["whoever deploys lacks a role", "Error 403: Permission 'run.services.create' denied"],
    ["there is one already", "Error 409: Resource 'phoenix-dev' already exists."],
    [
      "what was made does not run: there it would be found when it is tried again",
      "Error waiting: Revision 'phoenix-dev-00001-abc' is not ready: service account x does not exist",
    ],
  ])("%s", async (_, message) => {
    expect(await decide("create", [message])).toEqual({ again: false, waits: [], told: [] });
  });
});

describe("whoever deploys is told what to do where", () => {
  const POLICIES = /run\.managed\.requireInvokerIam.*iam\.allowedPolicyMemberDomains.*publicAccess/;
  test.each([
    [
      "the organization wants callers to be known",
      "Error 400: Operation denied by org policy: constraints/run.managed.requireInvokerIam",
      POLICIES,
    ],
    [
      "the organization knows no allUsers",
      "Error 400: One or more users named in the policy do not belong to a permitted customer.",
      POLICIES,
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
      "the organization forbids the region",
      "Error 412: 'us-central1' violates constraint 'constraints/gcp.resourceLocations'",
      /npx pulumi config set --stack staging gcp:region REGION/,
    ],
  ])("%s", async (_, message, remedy) => {
    const { again, told } = await decide("create", [message]);
    expect([again, told]).toEqual([false, [expect.stringMatching(remedy)]]);
    const commands = told.join().match(/`[^`]+`/g) ?? [];
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(command).toMatch(/--stack staging\b|\bacme-phoenix\b/);
  });

  test("nobody knows the project of what has failed", async () => {
    const { told } = await decide("create", ["Error 400: Billing must be enabled"], {});
    expect(told).toEqual([expect.stringContaining("gcloud billing projects link PROJECT ")]);
  });
});

test("something is tried again every ten seconds for three minutes, and told as it is then", async () => {
  expect(await decide("update", Array(18).fill(DISABLED))).toMatchObject({ again: true });
  expect(await decide("update", Array(19).fill(DISABLED))).toMatchObject({ again: false });
});

test("only the newest error counts, which comes first", async () => {
  expect(await decide("create", ["Error 400: invalid", DISABLED])).toMatchObject({ again: false });
});

test("what is deleted is not tried again", async () => {
  expect(await decide("delete", [DISABLED])).toMatchObject({ again: false, waits: [] });
});

test("everything at Google is tried again, and keeps its other options", () => {
  const hook = { name: "hook" } as ErrorHook;
  const options = (type: string) =>
    withHook(hook)({ type, name: "x", props: { a: 1 }, opts: { protect: true } } as never);
  expect(options("gcp:storage/bucket:Bucket")).toEqual({
    props: { a: 1 },
    opts: { protect: true, hooks: { onError: [hook] } },
  });
  expect(options("infra:web:WebService")).toBeUndefined();
});
