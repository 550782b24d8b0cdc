import { expect, test } from "@jest/globals";
import { ConfigError } from "../../service/contract/errors.ts";
import { declared } from "./select.ts";

const BUCKET = "gcp:storage/bucket:Bucket";

async function endedBucket(stack: "dev" | "prod", config: Record<string, string> = {}) {
  const { resources } = await declared(stack, config);
  const bucket = resources.find(({ type, name }) => type === BUCKET && name === "ended-sessions");
  if (bucket === undefined) throw new Error("There is no bucket of the ended.");
  return bucket;
}

test("the bucket is private, keeps no deleted objects, and expires objects by their custom time", async () => {
  const { inputs } = await endedBucket("prod");
  expect(inputs).toMatchObject({
    name: "acme-phoenix-phoenix-prod-ended",
    uniformBucketLevelAccess: true,
    publicAccessPrevention: "enforced",
    softDeletePolicy: { retentionDurationSeconds: 0 },
    lifecycleRules: [{ action: { type: "Delete" }, condition: { daysSinceCustomTime: 1 } }],
    forceDestroy: false,
  });
});

test("the web service gets the bucket's name", async () => {
  const stack = await declared("dev");
  const [web] = stack.ofType("gcp:cloudrunv2/service:Service");
  expect(JSON.stringify(web?.inputs)).toContain(
    '{"name":"ENDED_SESSIONS","value":"gs://acme-phoenix-phoenix-dev-ended"}',
  );
  expect(stack.outputs.endedSessions).toBe("gs://acme-phoenix-phoenix-dev-ended");
});

test.each([
  ["europe-west1", "EU"],
  ["europe-north1", "EU"],
  ["europe-west2", "EUROPE-WEST2"],
  ["europe-west6", "EUROPE-WEST6"],
  ["us-central1", "US"],
  ["northamerica-northeast1", "NORTHAMERICA-NORTHEAST1"],
  ["asia-east1", "ASIA"],
  ["australia-southeast1", "AUSTRALIA-SOUTHEAST1"],
])("in region %s the default location is %s", async (region, location) => {
  const { inputs } = await endedBucket("dev", { "gcp:region": region });
  expect(inputs.location).toBe(location);
});

test("another location can be set", async () => {
  const { inputs } = await endedBucket("dev", { "phoenix:endedLocation": "eur4" });
  expect(inputs.location).toBe("EUR4");
});

test("an invalid location is refused", async () => {
  await expect(declared("dev", { "phoenix:endedLocation": "E U" })).rejects.toThrow(ConfigError);
});

test("an existing bucket is never moved, because an empty one would make ended sessions valid again", async () => {
  const there = (location: string) => ({
    call: (token: string) => {
      if (!token.includes("getBucket")) throw new Error("There is nothing.");
      return { location };
    },
  });
  await expect(declared("dev", {}, there("US"))).rejects.toThrow(
    /^phoenix:endedLocation is EU, but the bucket acme-phoenix-phoenix-dev-ended is in US: .*config set --stack dev phoenix:endedLocation US`\.$/m,
  );
  await expect(declared("dev", {}, there("EU"))).resolves.toBeDefined();
});
