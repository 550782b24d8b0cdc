import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { CLOUD_STORAGE_API, createBucket } from "../../service/google/bucket.ts";
import { createRestClient } from "../../service/google/restClient.ts";
import { closeServer, listenOnLoopback } from "../support/httpServer.ts";
import { type RunningStorage, startStorage } from "./storage.ts";

/**
 * Checks the fake Cloud Storage: an independent emulator answers this project's client in the same
 * way, and Google's own clients can use the fake. Tests whose programs are not installed are
 * reported on stderr and skipped.
 */

const EMULATOR = "github.com/fsouza/fake-gcs-server@v1.56.1";
/** Building it takes two minutes on two cores. */
const BUILD_TIMEOUT = 900_000;
const BUCKET = "ended-sessions";
const TIME = Date.UTC(2027, 0, 1) / 1000;

const emulator = findEmulator();
const gcloud = has("gcloud") ? "gcloud" : undefined;
report("fake-gcs-server", emulator, "neither it nor Go is installed");
report("gcloud storage", gcloud, "gcloud is not installed");

const folder = mkdtempSync(path.join(tmpdir(), "phoenix-storage-"));
let standIn: RunningStorage;

beforeAll(async () => {
  standIn = await startStorage();
  standIn.standIn.objects.createBucket(BUCKET);
});

afterAll(async () => {
  await standIn.close();
  rmSync(folder, { recursive: true });
});

describe("the stand-in", () => {
  answersThisClient(() => standIn.url);
});

(emulator === undefined ? describe.skip : describe)("fake-gcs-server", () => {
  let url: string;
  let running: ChildProcess;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"];
    running = spawn(String(emulator), [...options, "-port", String(port)], { stdio: "ignore" });
    while (!(await fetch(`${url}/storage/v1/b?project=p`).catch(() => undefined))) await sleep(50);
    await fetch(`${url}/storage/v1/b?project=p`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: BUCKET }),
    });
  });

  afterAll(() => void running.kill());

  answersThisClient(() => url);
});

/** Each test has a folder of its own in the one bucket. */
function answersThisClient(url: () => string): void {
  const open = (name = BUCKET) =>
    createBucket(createRestClient({ api: CLOUD_STORAGE_API, endpoint: url(), timeout: 10 }), name);

  test("creates an object once, and refuses the second time", async () => {
    const bucket = open();
    const object = { name: "once/a~u:b", customTime: TIME, metadata: { before: "1.5" } };
    const created = await bucket.create(object);
    expect(created).toMatchObject({ name: object.name, metadata: object.metadata });
    expect(await bucket.create({ name: object.name, customTime: TIME })).toBeUndefined();
    expect(await bucket.get(object.name)).toEqual(created);
  });

  test("creates one object from concurrent uploads under a name", async () => {
    const bucket = open();
    const created = await Promise.all(
      Array.from({ length: 8 }, () => bucket.create({ name: "race/a", customTime: TIME })),
    );
    expect(created.filter((object) => object !== undefined)).toHaveLength(1);
  });

  test("keeps the custom time, which lifecycle rules use", async () => {
    await open().create({ name: "time/a", customTime: TIME });
    const response = await fetch(`${url()}/storage/v1/b/${BUCKET}/o/time%2Fa`);
    const { customTime } = (await response.json()) as { customTime: string };
    expect(Date.parse(customTime)).toBe(TIME * 1000);
  });

  test("has no object that was not created", async () => {
    expect(await open().get("none/a")).toBeUndefined();
  });

  test("lists by prefix, sorted by name", async () => {
    const bucket = open();
    const names = ["list/b", "list/a~Z", "list/a~a", "list/B", "list/a", "list2/a"];
    for (const name of names) await bucket.create({ name, customTime: TIME });
    const { objects, nextPageToken } = await bucket.list({ prefix: "list/" });
    const listed = objects.map(({ name }) => name);
    expect(listed).toEqual(["list/B", "list/a", "list/a~Z", "list/a~a", "list/b"]);
    expect(nextPageToken).toBeUndefined();
  });

  test("lists an empty folder", async () => {
    expect((await open().list({ prefix: "empty/" })).objects).toEqual([]);
  });

  test("omits names from the end offset on", async () => {
    const bucket = open();
    for (const i of [1, 2, 3]) await bucket.create({ name: `offset/${i}`, customTime: TIME });
    const { objects } = await bucket.list({ prefix: "offset/", endOffset: "offset/3" });
    expect(objects.map(({ name }) => name)).toEqual(["offset/1", "offset/2"]);
  });

  test("lists in pages, including objects that were added meanwhile", async () => {
    const bucket = open();
    for (const i of [1, 2, 3, 5]) await bucket.create({ name: `page/${i}`, customTime: TIME });
    const query = { prefix: "page/", maxResults: 2 };
    const first = await bucket.list(query);
    expect(first.objects.map(({ name }) => name)).toEqual(["page/1", "page/2"]);
    await bucket.create({ name: "page/4", customTime: TIME });
    const second = await bucket.list({ ...query, pageToken: first.nextPageToken ?? "" });
    expect(second.objects.map(({ name }) => name)).toEqual(["page/3", "page/4"]);
    const third = await bucket.list({ ...query, pageToken: second.nextPageToken ?? "" });
    expect(third.objects.map(({ name }) => name)).toEqual(["page/5"]);
    expect(third.nextPageToken).toBeUndefined();
  });

  test("sends its time, which is also the creation time of new objects", async () => {
    const bucket = open();
    const created = await bucket.create({ name: "clock/a", customTime: TIME });
    const { serverTime } = await bucket.list({ prefix: "clock/" });
    expect(Math.abs((serverTime ?? 0) - (created?.timeCreated ?? 0))).toBeLessThan(5);
  });

  test("refuses to list a bucket that does not exist", async () => {
    await expect(open("another-bucket").list({ prefix: "a/" })).rejects.toMatchObject({
      failure: "NOT_FOUND",
    });
  });
}

describe("@google-cloud/storage", () => {
  const client = () =>
    new Storage({
      apiEndpoint: standIn.url,
      projectId: "phoenix-test",
      useAuthWithCustomEndpoint: false,
      retryOptions: { autoRetry: false },
    }).bucket(BUCKET);

  test("finds objects that this project's client created, with times and metadata", async () => {
    const bucket = createBucket(
      createRestClient({ api: CLOUD_STORAGE_API, endpoint: standIn.url, timeout: 10 }),
      BUCKET,
    );
    for (const i of [1, 2, 3]) {
      await bucket.create({ name: `node/${i}`, customTime: TIME, metadata: { before: "7" } });
    }
    const query = { prefix: "node/", endOffset: "node/3" };
    const [files] = await client().getFiles(query);
    expect(files.map(({ name }) => name)).toEqual(["node/1", "node/2"]);
    const page = { ...query, autoPaginate: false, maxResults: 1 };
    const [[first], next] = await client().getFiles(page);
    const [[second]] = await client().getFiles(next ?? {});
    expect([first?.name, second?.name]).toEqual(["node/1", "node/2"]);
    const [metadata] = await client().file("node/1").getMetadata();
    expect(metadata).toMatchObject({
      name: "node/1",
      size: "0",
      customTime: "2027-01-01T00:00:00.000Z",
      metadata: { before: "7" },
    });
    expect(Date.parse(String(metadata.timeCreated))).toBeGreaterThan(Date.now() - 60_000);
    expect(await client().file("node/4").exists()).toEqual([false]);
  });

  test("creates a new object, and is refused the second time", async () => {
    const file = client().file("node-new/a");
    const options = {
      resumable: false,
      preconditionOpts: { ifGenerationMatch: 0 },
      metadata: { customTime: "2027-01-01T00:00:00Z", metadata: { before: "7" } },
    };
    await file.save("", options);
    await expect(file.save("", options)).rejects.toMatchObject({ code: 412 });
    const [metadata] = await file.getMetadata();
    expect(metadata.customTime).toBe("2027-01-01T00:00:00.000Z");
  });
});

(gcloud === undefined ? describe.skip : describe)("gcloud storage", () => {
  /** Its first start on a machine is slow. */
  const TIMEOUT = 120_000;

  test(
    "lists and describes objects",
    async () => {
      const bucket = createBucket(
        createRestClient({ api: CLOUD_STORAGE_API, endpoint: standIn.url, timeout: 10 }),
        BUCKET,
      );
      await bucket.create({ name: "cli/8~u:b~c", customTime: TIME, metadata: { before: "7" } });
      await bucket.create({ name: "cli/9~all~c", customTime: TIME });
      const listed = await run(["storage", "ls", `gs://${BUCKET}/cli/**`]);
      expect(listed.trim().split("\n")).toEqual([
        `gs://${BUCKET}/cli/8~u:b~c`,
        `gs://${BUCKET}/cli/9~all~c`,
      ]);
      const url = `gs://${BUCKET}/cli/8~u:b~c`;
      const described = await run(["storage", "objects", "describe", url, "--format", "json"]);
      expect(JSON.parse(described)).toMatchObject({
        name: "cli/8~u:b~c",
        custom_time: expect.stringMatching(/^2027-01-01T00:00:00/),
        custom_fields: { before: "7" },
      });
    },
    TIMEOUT,
  );

  function run(args: readonly string[]): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const child = spawn("gcloud", args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        CLOUDSDK_CONFIG: path.join(folder, "gcloud"),
        CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
        CLOUDSDK_CORE_PROJECT: "phoenix-test",
        CLOUDSDK_AUTH_DISABLE_CREDENTIALS: "true",
        CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${standIn.url}/storage/v1/`,
      },
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(out) : reject(new Error(err))));
    return promise;
  }
});

/** Path of the emulator, which is built with Go; undefined without Go. */
function findEmulator(): string | undefined {
  const { FAKE_GCS_SERVER } = process.env;
  if (FAKE_GCS_SERVER) return FAKE_GCS_SERVER;
  if (has("fake-gcs-server")) return "fake-gcs-server";
  if (!has("go")) return undefined;
  const built = path.resolve("node_modules/.cache/fake-gcs-server");
  const binary = path.join(built, "fake-gcs-server");
  if (!existsSync(binary)) {
    process.stderr.write(`Building ${EMULATOR}, which takes some minutes\n`);
    const env = { ...process.env, GOBIN: built };
    const { status } = spawnSync("go", ["install", EMULATOR], { env, timeout: BUILD_TIMEOUT });
    if (status !== 0) return undefined;
  }
  return binary;
}

function has(command: string): boolean {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return folders.some((folder) => existsSync(path.join(folder, command)));
}

function report(what: string, found: string | undefined, missing: string): void {
  process.stderr.write(
    found === undefined ? `NOT RUN: ${what}, because ${missing}\n` : `Running: ${what}\n`,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await closeServer(server);
  return port;
}
