import { expect, test } from "@jest/globals";
import { asset } from "@pulumi/pulumi";
import { declared } from "../select.ts";

const BUCKET = "gcp:storage/bucket:Bucket bundles-europe-west1";
const OBJECT = "gcp:storage/bucketObject:BucketObject bundles-europe-west1";
const ARCHIVE = { path: "/somewhere/phoenix.tar.gz", sha256: "ab".repeat(32) };

test("the archive is uploaded unchanged, named by its digest", async () => {
  const { get, outputs } = await declared("dev", {}, { buildArchive: () => ARCHIVE });
  const { name, source, contentType } = get(OBJECT).inputs;
  expect(name).toBe(`${ARCHIVE.sha256}.tar.gz`);
  expect(source).toBeInstanceOf(asset.FileAsset);
  expect(await (source as asset.FileAsset).path).toBe(ARCHIVE.path);
  expect(contentType).toBe("application/gzip");
  expect(outputs.release).toBe(`sha256:${ARCHIVE.sha256}`);
});

test("bundles of earlier revisions stay, also if one is uploaded again", async () => {
  const { get } = await declared("dev");
  expect(get(OBJECT).options.retainOnDelete).toBe(true);
  expect(get(BUCKET).inputs.versioning).toEqual({ enabled: true });
  expect(get(BUCKET).inputs).not.toHaveProperty("lifecycleRules");
});

test("the bucket can't be made public", async () => {
  const { get } = await declared("prod");
  expect(get(BUCKET).inputs).toMatchObject({
    name: "phoenix-prod-bundles-europe-west1-342abdb1",
    location: "EUROPE-WEST1",
    uniformBucketLevelAccess: true,
    publicAccessPrevention: "enforced",
  });
});

test("dev's bucket is deleted with its bundles, and prod's can't be", async () => {
  const dev = (await declared("dev")).get(BUCKET);
  const prod = (await declared("prod")).get(BUCKET);
  expect([dev.inputs.forceDestroy, dev.options.protect]).toEqual([true, false]);
  expect([prod.inputs.forceDestroy, prod.options.protect]).toEqual([false, true]);
});
