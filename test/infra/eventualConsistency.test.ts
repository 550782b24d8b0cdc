import { describe, expect, test } from "@jest/globals";
import type { ErrorHook } from "@pulumi/pulumi";
import { isNotYet, isWorthAnotherTry, onErrorOf } from "../../infra/eventualConsistency.ts";

const DISABLED =
  "googleapi: Error 403: Secret Manager API has not been used in project acme-phoenix before or it " +
  "is disabled. If you enabled this API recently, wait a few minutes. Details: SERVICE_DISABLED";

describe("an error passes by itself that says that", () => {
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
  ])("%s", (_, message) => {
    expect(isNotYet(message)).toBe(true);
  });
});

describe("an error stays that says that", () => {
  test.each([
    ["a value is wrong", "Error 400: next_rotation_time must be in the future"],
    ["whoever deploys lacks a role", "Error 403: Permission 'run.services.create' denied"],
    ["there is one already", "Error 409: Resource 'phoenix-dev' already exists."],
    [
      "what was made does not run: there it would be found when it is tried again",
      "Error waiting: Revision 'phoenix-dev-00001-abc' is not ready: service account x does not exist",
    ],
  ])("%s", (_, message) => {
    expect(isNotYet(message)).toBe(false);
  });
});

describe("trying again", () => {
  async function decide(failedOperation: string, errors: string[]) {
    const waits: number[] = [];
    const again = await isWorthAnotherTry({ failedOperation, errors }, async (seconds) => {
      waits.push(seconds);
    });
    return [again, waits];
  }

  test("waits ten seconds before each time, for three minutes", async () => {
    expect(await decide("create", [DISABLED])).toEqual([true, [10]]);
    expect(await decide("update", Array(18).fill(DISABLED))).toEqual([true, [10]]);
    expect(await decide("create", Array(19).fill(DISABLED))).toEqual([false, []]);
  });

  test("looks at the newest error, which comes first", async () => {
    expect(await decide("create", ["Error 400: invalid", DISABLED])).toEqual([false, []]);
  });

  test("is for what is made or changed, not for what is deleted", async () => {
    expect(await decide("delete", [DISABLED])).toEqual([false, []]);
  });

  test("is a matter of everything at Google, and leaves its other options", () => {
    const hook = { name: "hook" } as ErrorHook;
    const options = (type: string) =>
      onErrorOf(hook)({ type, name: "x", props: { a: 1 }, opts: { protect: true } } as never);
    expect(options("gcp:storage/bucket:Bucket")).toEqual({
      props: { a: 1 },
      opts: { protect: true, hooks: { onError: [hook] } },
    });
    expect(options("phoenix:infra:WebService")).toBeUndefined();
  });
});
