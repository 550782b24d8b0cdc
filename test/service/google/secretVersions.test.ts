import { describe, expect, test } from "@jest/globals";
import { createRestClient } from "../../../service/google/restClient.ts";
import {
  createVersionStore,
  parseSecretReference,
  SECRET_MANAGER_API,
  secretResource,
} from "../../../service/google/secretVersions.ts";
import { crc32c } from "../../../service/pure/crc32c.ts";
import { CALL_TIMEOUT } from "../../../service/rotator/rotate.ts";
import { ENDPOINT, OUTAGES, SECRET } from "../../support/keyBench.ts";
import { createRotationBench } from "../rotator/rotationBench.ts";

const PAYLOAD = Buffer.from("a payload of more than thirty-two characters");

/** A store with a fake server, and the requests that it sent. */
function answering(answer: (url: URL, method: string) => Response) {
  const sent: unknown[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    if (init?.body) sent.push(JSON.parse(String(init.body)));
    return answer(new URL(String(input)), init?.method ?? "GET");
  };
  const client = createRestClient({
    api: SECRET_MANAGER_API,
    endpoint: ENDPOINT,
    timeout: 10,
    fetch,
  });
  return {
    sent,
    store: createVersionStore(client, SECRET),
  };
}

function versionBody(change: object = {}): object {
  return {
    name: "projects/123/secrets/SECRET_KEY/versions/5",
    createTime: "2026-01-01T00:00:00Z",
    state: "ENABLED",
    etag: '"e5"',
    clientSpecifiedPayloadChecksum: true,
    ...change,
  };
}

describe("reading", () => {
  test("returns all versions, newest first, with the server's time", async () => {
    const bench = createRotationBench();
    for (let i = 0; i < 3; i += 1) bench.add();
    bench.disable(2);
    await bench.time.advance(100);
    const { versions, now } = await bench.store.read();
    expect(versions.map(({ version, state }) => [version, state])).toEqual([
      [3, "ENABLED"],
      [2, "DISABLED"],
      [1, "ENABLED"],
    ]);
    expect(versions.map(({ createTime }) => now - createTime)).toEqual([100, 100, 100]);
  });

  test("returns no versions of a secret without versions", async () => {
    expect((await createRotationBench().store.read()).versions).toEqual([]);
  });

  test("uses this machine's time only if the server sends none", async () => {
    const { store } = answering((url) =>
      url.pathname.endsWith("/versions")
        ? Response.json({})
        : Response.json({ error: { code: 404, status: "NOT_FOUND" } }, { status: 404 }),
    );
    const began = Date.now() / 1000;
    const { versions, now } = await store.read();
    expect(versions).toEqual([]);
    expect(now).toBeGreaterThanOrEqual(began);
    const bench = createRotationBench();
    bench.standIn.advance(5000);
    expect((await bench.store.read()).now).toBe(bench.time.now() + 5000);
  });

  test.each([10, 3600, 1e9])("returns new versions even if the list lags by %d s", async (lag) => {
    const bench = createRotationBench();
    for (let i = 0; i < 3; i += 1) bench.add();
    bench.standIn.store.destroy(SECRET.project, SECRET.name, "1");
    await bench.time.advance(1800);
    bench.add();
    bench.disable(3);
    bench.standIn.setLag(lag);
    const { versions } = await bench.store.read();
    expect(versions.map(({ version, state }) => `${version} ${state}`).reverse()).toEqual(
      bench.states(),
    );
  });

  test("reads all pages, and does not read destroyed versions by number", async () => {
    const bench = createRotationBench();
    for (let i = 1; i <= 1005; i += 1) {
      bench.add();
      if (i < 1004) bench.standIn.store.destroy(SECRET.project, SECRET.name, String(i));
    }
    const { versions } = await bench.store.read();
    expect(versions).toHaveLength(1005);
    expect(bench.standIn.calls).toMatchObject({ list: 2, get: 3, access: 0 });
  });

  test("fails after ten pages of an endless list", async () => {
    let calls = 0;
    const { store } = answering(() => {
      calls += 1;
      return Response.json({ versions: [], nextPageToken: "again" });
    });
    expect((await store.list()).versions).toEqual([]);
    expect(calls).toBe(10);
  });

  test("fails if there is no such secret", async () => {
    const { fetch } = createRotationBench().standIn;
    const client = createRestClient({
      api: SECRET_MANAGER_API,
      endpoint: ENDPOINT,
      timeout: 10,
      fetch,
    });
    const secret = { ...SECRET, name: "ANOTHER" };
    const store = createVersionStore(client, secret);
    await expect(store.read()).rejects.toMatchObject({ failure: "NOT_FOUND" });
  });
});

describe("adding", () => {
  test("sends the payload with its CRC32C, and returns the version if the checksum is confirmed", async () => {
    const { store, sent } = answering(() => Response.json(versionBody()));
    expect(await store.add(PAYLOAD)).toMatchObject({ version: 5, state: "ENABLED", etag: '"e5"' });
    expect(sent).toEqual([
      {
        payload: { data: PAYLOAD.toString("base64"), dataCrc32c: String(crc32c(PAYLOAD)) },
      },
    ]);
  });

  test("stores the payload", async () => {
    const bench = createRotationBench();
    const { version } = await bench.store.add(PAYLOAD);
    expect(bench.payload(version)).toBe(PAYLOAD.toString());
  });

  test("fails with the version's number if the checksum is not confirmed", async () => {
    const { store } = answering(() =>
      Response.json(versionBody({ clientSpecifiedPayloadChecksum: undefined })),
    );
    await expect(store.add(PAYLOAD)).rejects.toMatchObject({
      failure: "INVALID_ANSWER",
      message: expect.stringContaining("version 5"),
    });
  });

  test("fails if the response is about another secret", async () => {
    const name = "projects/123/secrets/ANOTHER/versions/5";
    const { store } = answering(() => Response.json(versionBody({ name })));
    await expect(store.add(PAYLOAD)).rejects.toMatchObject({ failure: "INVALID_ANSWER" });
  });

  test("is not retried if the response is lost, because that could add two", async () => {
    const bench = createRotationBench();
    bench.standIn.fail({ fault: "lostAnswer", on: ["add"] });
    await expect(bench.store.add(PAYLOAD)).rejects.toMatchObject({ failure: "UNREACHABLE" });
    expect(bench.states()).toEqual(["1 ENABLED"]);
    expect(bench.standIn.calls.add).toBe(1);
  });
});

describe("disabling", () => {
  test("makes a version unreadable", async () => {
    const bench = createRotationBench();
    bench.add();
    const { versions } = await bench.store.read();
    for (const version of versions) await bench.store.disable(version);
    expect(bench.states()).toEqual(["1 DISABLED"]);
  });

  test("succeeds if the version was disabled or destroyed meanwhile", async () => {
    const bench = createRotationBench();
    bench.add();
    bench.add();
    const { versions } = await bench.store.read();
    bench.disable(1);
    bench.standIn.store.destroy(SECRET.project, SECRET.name, "2");
    for (const version of versions) await bench.store.disable(version);
    expect(bench.states()).toEqual(["1 DISABLED", "2 DESTROYED"]);
  });

  test("disables a version that has changed since it was read", async () => {
    const bench = createRotationBench();
    bench.add();
    const { versions } = await bench.store.read();
    bench.disable(1);
    await bench.time.advance(1);
    bench.enable(1);
    for (const version of versions) await bench.store.disable(version);
    expect(bench.states()).toEqual(["1 DISABLED"]);
  });

  test("fails if it is refused and the version is still enabled", async () => {
    const { store } = answering((_url, method) =>
      method === "GET"
        ? Response.json(versionBody())
        : Response.json({ error: { code: 400, status: "FAILED_PRECONDITION" } }, { status: 400 }),
    );
    const version = { version: 5, state: "ENABLED", createTime: 0, project: "123" } as const;
    await expect(store.disable(version)).rejects.toMatchObject({ failure: "FAILED_PRECONDITION" });
  });
});

describe("destroying", () => {
  test("destroys a version that is unchanged since it was read", async () => {
    const bench = createRotationBench();
    bench.add();
    const [version] = (await bench.store.read()).versions;
    expect(version && (await bench.store.destroy(version))).toBe(true);
    expect(bench.states()).toEqual(["1 DESTROYED"]);
  });

  test("only schedules the destruction if the secret delays it", async () => {
    const bench = createRotationBench({ versionDestroyTtl: "604800s" });
    bench.add();
    const [version] = (await bench.store.read()).versions;
    expect(version && (await bench.store.destroy(version))).toBe(true);
    expect(bench.states()).toEqual(["1 GOING"]);
  });

  test("skips a version that has changed since it was read", async () => {
    const bench = createRotationBench();
    bench.add();
    const [version] = (await bench.store.read()).versions;
    bench.disable(1);
    await bench.time.advance(1);
    bench.enable(1);
    expect(version && (await bench.store.destroy(version))).toBe(false);
    expect(bench.states()).toEqual(["1 ENABLED"]);
  });

  test.each(["604800s", "0s"])(
    "succeeds if the version was destroyed meanwhile (delay %s)",
    async (ttl) => {
      const bench = createRotationBench({ versionDestroyTtl: ttl });
      bench.add();
      const [version] = (await bench.store.read()).versions;
      bench.standIn.store.destroy(SECRET.project, SECRET.name, "1");
      expect(version && (await bench.store.destroy(version))).toBe(true);
    },
  );

  test("treats ABORTED as a conflict too", async () => {
    const { store, sent } = answering((_url, method) =>
      method === "GET"
        ? Response.json(versionBody())
        : Response.json({ error: { code: 409, status: "ABORTED" } }, { status: 409 }),
    );
    const version = { version: 5, state: "ENABLED", createTime: 0, project: "1", etag: '"e4"' };
    expect(await store.destroy({ ...version, state: "ENABLED" })).toBe(false);
    expect(sent).toEqual([{ etag: '"e4"' }]);
  });
});

describe("an outage", () => {
  test.each(OUTAGES)(
    "(%s) fails every call as %s, with a remedy and without the payload, and changes nothing",
    async (fault, failure, message) => {
      const bench = createRotationBench();
      bench.add();
      const version = await bench.store.get(1);
      if (version === undefined) throw new Error("There is no version.");
      bench.standIn.fail({ fault });
      const begin = bench.time.now();
      for (const call of [
        () => bench.store.read(),
        () => bench.store.get(1),
        () => bench.store.add(PAYLOAD),
        () => bench.store.disable(version),
        () => bench.store.destroy(version),
      ]) {
        const error = await bench.time.settle(call().catch((reason: unknown) => reason));
        const code = `SECRET_MANAGER_${failure}`;
        expect(error).toMatchObject({ failure, code, message: expect.stringMatching(message) });
        const text = describeAll(error);
        expect(text).not.toContain(PAYLOAD.toString());
        expect(text).not.toContain(PAYLOAD.toString("base64"));
      }
      expect(bench.time.now() - begin).toBe(fault === "hang" ? 5 * CALL_TIMEOUT : 0);
      const { state, ...reading } = await bench.time.settle(bench.store.access(1));
      expect([state, reading]).toMatchObject([
        "UNREADABLE",
        { refused: false, error: { failure } },
      ]);
      expect(bench.states()).toEqual(["1 ENABLED"]);
    },
  );

  test("of single versions fails the whole read", async () => {
    const bench = createRotationBench();
    bench.add();
    bench.standIn.fail({ fault: "unavailable", on: ["get"] });
    await expect(bench.store.read()).rejects.toMatchObject({ failure: "SERVER_ERROR" });
  });
});

describe("a payload", () => {
  const data = PAYLOAD.toString("base64");
  const name = "projects/123/secrets/SECRET_KEY/versions/5";
  const read = (body: object) => answering(() => Response.json(body)).store.access(5);

  test("is accepted with the right checksum, as text or number, or without one", async () => {
    for (const dataCrc32c of [String(crc32c(PAYLOAD)), crc32c(PAYLOAD), undefined]) {
      const reading = await read({ name, payload: { data, dataCrc32c } });
      expect(reading).toEqual({ state: "ENABLED", payload: PAYLOAD });
    }
  });

  test.each([
    ["a wrong checksum", { payload: { data, dataCrc32c: "1" } }],
    ["the name of another version", { name: name.replace("/5", "/6") }],
    ["the name of another secret", { name: name.replace("KEY", "KEYS") }],
    ["no name", { name: undefined }],
    ["no data", { payload: {} }],
    ["data that is not base64", { payload: { data: "not base64!" } }],
  ])("with %s is an error, not a missing version", async (_what, change) => {
    expect(await read({ name, payload: { data }, ...change })).toMatchObject({
      state: "UNREADABLE",
      refused: false,
      error: { failure: "INVALID_ANSWER" },
    });
  });

  test("has the CRC-32C of the published examples", () => {
    // RFC 3720, B.4, and the check value of CRC-32/ISCSI.
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array())).toBe(0);
  });
});

/** Everything that a log could print of an error. */
function describeAll(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack} ${JSON.stringify(error)} ${error.cause ? describeAll(error.cause) : ""}`;
}

test("a secret is named by Berglas' notation or by its resource name", () => {
  const secret = { project: "my-project", name: "phoenix-dev-SECRET_KEY" };
  expect(parseSecretReference("sm://my-project/phoenix-dev-SECRET_KEY")).toEqual(secret);
  const resource = "projects/my-project/secrets/phoenix-dev-SECRET_KEY";
  expect(parseSecretReference(resource)).toEqual(secret);
  expect(secretResource(secret)).toBe(resource);
  expect(parseSecretReference("sm://example.com:my-project/S")?.project).toBe(
    "example.com:my-project",
  );
  expect(parseSecretReference("projects/123456789012/secrets/S")?.project).toBe("123456789012");
});

test.each([
  "",
  "my-project/S",
  "sm://my-project",
  "sm://my-project/S/versions/1",
  "sm://my-project/S#3",
  "sm://my project/S",
  "sm://../S",
  "sm://my-project/..",
  "projects/p1/secrets/S?x=1",
  "projects/my-project/secrets/S/versions/1",
])("%j is not a secret's name", (text) => {
  expect(parseSecretReference(text)).toBeUndefined();
});
