import { describe, expect, test } from "@jest/globals";
import { CLOUD_STORAGE_API, createBucket } from "../../../service/google/bucket.ts";
import { createRestClient } from "../../../service/google/restClient.ts";
import { createStorageStandIn } from "../../local/storage/standIn.ts";
import { createVirtualTime } from "../../support/virtualTime.ts";

const ENDPOINT = "http://127.0.0.1:1";

function createBench() {
  const time = createVirtualTime();
  const wait = (seconds: number) =>
    new Promise<void>((resolve) => {
      time.abortAfter(seconds * 1000).addEventListener("abort", () => resolve());
    });
  const standIn = createStorageStandIn({ clock: time.now, wait });
  standIn.objects.createBucket("ended");
  const sent: URL[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    sent.push(new URL(String(input)));
    return standIn.fetch(input, init);
  };
  const { abortAfter } = time;
  const client = createRestClient({
    api: CLOUD_STORAGE_API,
    endpoint: ENDPOINT,
    timeout: 2,
    fetch,
    abortAfter,
  });
  return { time, standIn, sent, client, bucket: createBucket(client, "ended") };
}

function answering(body: unknown, status = 200) {
  const fetch = async () => Response.json(body, { status });
  const client = createRestClient({
    api: CLOUD_STORAGE_API,
    endpoint: ENDPOINT,
    timeout: 2,
    fetch,
  });
  return createBucket(client, "ended");
}

test("an object is created once, with its metadata, and then found", async () => {
  const { time, bucket } = createBench();
  const object = {
    name: "sessions/a b/ü~",
    customTime: time.now() + 60,
    metadata: { before: "1" },
  };
  const created = { name: object.name, timeCreated: time.now(), metadata: { before: "1" } };
  expect(await bucket.get(object.name)).toBeUndefined();
  expect(await bucket.create(object)).toEqual(created);
  expect(await bucket.create(object)).toBeUndefined();
  expect(await bucket.get(object.name)).toEqual(created);
});

test("a list is sorted by name, paged, and has the server's time", async () => {
  const { time, standIn, bucket } = createBench();
  standIn.advance(1000);
  for (const name of ["b/1", "a/3", "a/1", "a/2", "a/4"]) {
    await bucket.create({ name, customTime: time.now() });
  }
  const query = { prefix: "a/", endOffset: "a/4", maxResults: 2 };
  const first = await bucket.list(query);
  expect(first.objects.map(({ name }) => name)).toEqual(["a/1", "a/2"]);
  expect(first.serverTime).toBe(time.now() + 1000);
  const second = await bucket.list({ ...query, pageToken: first.nextPageToken ?? "" });
  expect(second.objects.map(({ name }) => name)).toEqual(["a/3"]);
  expect(second.nextPageToken).toBeUndefined();
});

test("an empty folder is a list without objects", async () => {
  const { bucket } = createBench();
  expect((await bucket.list({ prefix: "a/" })).objects).toEqual([]);
});

test("requests ask only for the fields that are used", async () => {
  const { sent, bucket } = createBench();
  await bucket.list({ prefix: "a/" });
  expect(sent[0]?.searchParams.get("fields")).toBe(
    "kind,items(name,timeCreated,metadata),nextPageToken",
  );
});

test("an upload whose connection broke is retried, and may exist already", async () => {
  const { time, standIn, bucket } = createBench();
  const object = { name: "a", customTime: time.now() };
  standIn.fail({ fault: "unreachable", times: 1 });
  expect(await bucket.create(object)).toMatchObject({ name: "a" });
  standIn.fail({ fault: "lostAnswer", times: 1 });
  expect(await bucket.create({ ...object, name: "b" })).toBeUndefined();
  expect(await bucket.get("b")).toMatchObject({ name: "b" });
});

test("an upload that times out fails, and may still complete", async () => {
  const { time, standIn, bucket } = createBench();
  standIn.setUploadTime(12);
  const writing = bucket.create({ name: "a", customTime: time.now() });
  await expect(time.settle(writing)).rejects.toMatchObject({ code: "CLOUD_STORAGE_TIMEOUT" });
  expect(await bucket.get("a")).toBeUndefined();
  await time.advance(10);
  expect(await bucket.get("a")).toBeDefined();
});

describe("a failure of Cloud Storage is", () => {
  test.each([
    ["unreachable", "UNREACHABLE"],
    ["unauthenticated", "UNAUTHENTICATED"],
    ["forbidden", "FORBIDDEN"],
    ["exhausted", "EXHAUSTED"],
    ["internal", "SERVER_ERROR"],
    ["unavailable", "SERVER_ERROR"],
    ["garbage", "INVALID_ANSWER"],
    ["nonsense", "INVALID_ANSWER"],
    ["proxy404", "INVALID_ANSWER"],
  ] as const)("%s", async (fault, failure) => {
    const { standIn, bucket } = createBench();
    standIn.fail({ fault });
    const calls = [
      bucket.list({ prefix: "a/" }),
      bucket.get("a"),
      bucket.create({ name: "a", customTime: 0 }),
    ];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({
        code: `CLOUD_STORAGE_${failure}`,
        message: expect.stringMatching(/^Cloud Storage.*\. .*\.$/),
      });
    }
  });

  test("a bucket that does not exist", async () => {
    const { client } = createBench();
    await expect(createBucket(client, "other").list({ prefix: "a/" })).rejects.toMatchObject({
      code: "CLOUD_STORAGE_NOT_FOUND",
    });
  });
});

test.each([
  ["neither items nor Google's kind", {}],
  ["items that are not a list", { items: {} }],
  ["an object of another folder", { items: [{ name: "b", timeCreated: "2026-01-01T00:00:00Z" }] }],
  ["an object without a time", { items: [{ name: "a/" }] }],
  ["an item that is not an object", { items: [null] }],
])("a list with %s is refused", async (_what, body) => {
  await expect(answering(body).list({ prefix: "a/" })).rejects.toMatchObject({
    code: "CLOUD_STORAGE_INVALID_ANSWER",
  });
});

test("a response about another object is refused", async () => {
  const bucket = answering({ name: "b", timeCreated: "2026-01-01T00:00:00Z" });
  const refused = { code: "CLOUD_STORAGE_INVALID_ANSWER" };
  await expect(bucket.get("a")).rejects.toMatchObject(refused);
  await expect(bucket.create({ name: "a", customTime: 0 })).rejects.toMatchObject(refused);
});
