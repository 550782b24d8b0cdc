import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { PassThroughClient } from "google-auth-library";
import { crc32c } from "../../service/pure/crc32c.ts";
import { FAULTS } from "./secretManager/faults.ts";
import { type RunningSecretManager, startSecretManager } from "./secretManager.ts";

const PROJECT = "projects/acme";
const SECRET = `${PROJECT}/secrets/KEY`;
const PAYLOAD = Buffer.from("a payload of more than thirty-two characters");
const START = Date.UTC(2026, 0, 1) / 1000;

let now = START;
let running: RunningSecretManager;
/** Google's client, which checks the form of the responses. */
let client: SecretManagerServiceClient;

beforeEach(async () => {
  now = START;
  running = await startSecretManager({ clock: () => now });
  client = clientOf(running);
});

afterEach(async () => {
  await client.close();
  await running.close();
});

function clientOf({ url }: RunningSecretManager): SecretManagerServiceClient {
  const { hostname, port } = new URL(url);
  return new SecretManagerServiceClient({
    fallback: true, // REST
    protocol: "http",
    apiEndpoint: hostname,
    port: Number(port),
    // Its default uses import(), which jest does not support.
    authClient: new PassThroughClient({ transporterOptions: { fetchImplementation: fetch } }),
    projectId: "acme",
  });
}

async function createSecret(settings: object = {}): Promise<void> {
  const secret = { replication: { automatic: {} }, ...settings };
  await client.createSecret({ parent: PROJECT, secretId: "KEY", secret });
}

async function add(payload: Buffer = PAYLOAD): Promise<string> {
  const [{ name }] = await client.addSecretVersion({
    parent: SECRET,
    payload: { data: payload, dataCrc32c: crc32c(payload) },
  });
  return name ?? "";
}

/** The response without the raw ones that the client also returns. */
async function only<Answer>(call: Promise<[Answer, ...unknown[]]>): Promise<Answer> {
  const [answer] = await call;
  return answer;
}

/** Numbers and states in the list. */
async function listed(filter = ""): Promise<string[]> {
  const [versions] = await client.listSecretVersions({ parent: SECRET, filter });
  return versions.map(({ name, state }) => `${name?.split("/").at(-1)} ${state}`);
}

/** Codes of gRPC, which the client makes of the status: https://grpc.io/docs/guides/status-codes */
const CODES = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

describe("Google's client", () => {
  test("creates a secret, and reads it by the project's ID or number", async () => {
    await createSecret({ labels: { app: "phoenix" }, versionDestroyTtl: { seconds: 604_800 } });
    const [secret] = await client.getSecret({ name: SECRET });
    expect(secret).toMatchObject({
      name: expect.stringMatching(/^projects\/\d+\/secrets\/KEY$/),
      labels: { app: "phoenix" },
      replication: { replication: "automatic" },
      versionDestroyTtl: { seconds: "604800" },
      createTime: { seconds: String(START) },
    });
    expect(await only(client.getSecret({ name: secret.name ?? "" }))).toMatchObject({
      name: secret.name,
    });
  });

  test("adds versions, numbered from 1, and confirms their checksums", async () => {
    await createSecret();
    const [version] = await client.addSecretVersion({
      parent: SECRET,
      payload: { data: PAYLOAD, dataCrc32c: crc32c(PAYLOAD) },
    });
    expect(version).toMatchObject({
      name: expect.stringMatching(/\/versions\/1$/),
      state: "ENABLED",
      createTime: { seconds: String(START) },
      clientSpecifiedPayloadChecksum: true,
      etag: expect.stringMatching(/^".+"$/),
    });
    const [second] = await client.addSecretVersion({ parent: SECRET, payload: { data: PAYLOAD } });
    expect(second).toMatchObject({ name: expect.stringMatching(/\/versions\/2$/) });
    expect(second.clientSpecifiedPayloadChecksum).toBe(false);
  });

  test("accesses a payload with a valid checksum", async () => {
    await createSecret();
    const name = await add();
    const [{ name: accessed, payload }] = await client.accessSecretVersion({ name });
    expect(accessed).toBe(name);
    expect(Buffer.from(payload?.data ?? "").toString()).toBe(PAYLOAD.toString());
    expect(String(payload?.dataCrc32c)).toBe(String(crc32c(PAYLOAD)));
  });

  test("gets a version by its number and as `latest`, which is the newest enabled one", async () => {
    await createSecret();
    await add();
    const second = await add();
    const third = await add();
    await client.disableSecretVersion({ name: third });
    expect(await only(client.getSecretVersion({ name: second }))).toMatchObject({ name: second });
    const latest = { name: `${SECRET}/versions/latest` };
    expect(await only(client.getSecretVersion(latest))).toMatchObject({ name: second });
    expect(await only(client.accessSecretVersion(latest))).toMatchObject({ name: second });
  });

  test("lists versions newest first, filtered by state, and in pages", async () => {
    await createSecret();
    const empty = await fetch(`${running.url}/v1/${SECRET}/versions`);
    expect(await empty.json()).toEqual({}); // Google omits zero values
    for (let i = 0; i < 5; i += 1) await add();
    await client.disableSecretVersion({ name: `${SECRET}/versions/2` });
    await client.destroySecretVersion({ name: `${SECRET}/versions/3` });
    const all = ["5 ENABLED", "4 ENABLED", "3 DESTROYED", "2 DISABLED", "1 ENABLED"];
    expect(await listed()).toEqual(all);
    expect(await listed("state:ENABLED")).toEqual(["5 ENABLED", "4 ENABLED", "1 ENABLED"]);
    expect(await listed("state=DISABLED")).toEqual(["2 DISABLED"]);

    const sizes: number[] = [];
    let pageToken: string | undefined;
    do {
      const [versions, , response] = await client.listSecretVersions(
        { parent: SECRET, pageSize: 2, ...(pageToken && { pageToken }) },
        { autoPaginate: false },
      );
      sizes.push(versions.length);
      expect(response?.totalSize).toBe(5);
      pageToken = response?.nextPageToken || undefined;
    } while (pageToken !== undefined);
    expect(sizes).toEqual([2, 2, 1]);
  });

  test("disables, enables and destroys a version", async () => {
    await createSecret();
    const name = await add();
    expect(await only(client.disableSecretVersion({ name }))).toMatchObject({ state: "DISABLED" });
    await expect(client.accessSecretVersion({ name })).rejects.toMatchObject({
      code: CODES.FAILED_PRECONDITION,
    });
    expect(await only(client.enableSecretVersion({ name }))).toMatchObject({ state: "ENABLED" });
    expect(await only(client.accessSecretVersion({ name }))).toMatchObject({ name });
    const [destroyed] = await client.destroySecretVersion({ name });
    expect(destroyed).toMatchObject({ state: "DESTROYED", destroyTime: { seconds: `${START}` } });
    for (const change of [
      () => client.enableSecretVersion({ name }),
      () => client.disableSecretVersion({ name }),
      () => client.destroySecretVersion({ name }),
      () => client.accessSecretVersion({ name }),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: CODES.FAILED_PRECONDITION });
    }
  });

  test("changes nothing with a stale etag", async () => {
    await createSecret();
    const name = await add();
    const [{ etag: old }] = await client.getSecretVersion({ name });
    now += 1;
    const [{ etag }] = await client.disableSecretVersion({ name, etag: old ?? "" });
    expect(etag).not.toBe(old);
    for (const change of [
      () => client.enableSecretVersion({ name, etag: old ?? "" }),
      () => client.destroySecretVersion({ name, etag: old ?? "" }),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: CODES.FAILED_PRECONDITION });
    }
    expect(await only(client.enableSecretVersion({ name, etag: etag ?? "" }))).toMatchObject({
      state: "ENABLED",
    });
  });

  test("gets Google's error codes", async () => {
    await createSecret();
    const payload = { data: PAYLOAD, dataCrc32c: crc32c(PAYLOAD) + 1 };
    const refusals: [keyof typeof CODES, () => Promise<unknown>][] = [
      ["ALREADY_EXISTS", () => createSecret()],
      ["INVALID_ARGUMENT", () => client.createSecret({ parent: PROJECT, secretId: "no name" })],
      ["NOT_FOUND", () => client.getSecret({ name: `${PROJECT}/secrets/ANOTHER` })],
      ["NOT_FOUND", () => client.getSecretVersion({ name: `${SECRET}/versions/1` })],
      ["NOT_FOUND", () => client.accessSecretVersion({ name: `${SECRET}/versions/latest` })],
      ["INVALID_ARGUMENT", () => client.addSecretVersion({ parent: SECRET, payload })],
      ["INVALID_ARGUMENT", () => add(Buffer.alloc(65_537))],
      ["INVALID_ARGUMENT", () => listed("labels.app=x")],
    ];
    for (const [status, refusal] of refusals) {
      await expect(refusal()).rejects.toMatchObject({ code: CODES[status] });
    }
    expect(await listed()).toEqual([]);
    expect(await add(Buffer.alloc(65_536))).toMatch(/\/versions\/1$/);
  });

  test("gets the expected error for each fault", async () => {
    await createSecret();
    for (const [fault, status] of [
      ["unauthenticated", "UNAUTHENTICATED"],
      ["forbidden", "PERMISSION_DENIED"],
      ["exhausted", "RESOURCE_EXHAUSTED"],
      ["internal", "INTERNAL"],
      ["unavailable", "UNAVAILABLE"],
    ] as const) {
      running.standIn.fail({ fault, times: 1 });
      const code = CODES[status];
      await expect(client.getSecret({ name: SECRET })).rejects.toMatchObject({ code });
      expect(await client.getSecret({ name: SECRET })).toHaveLength(3);
    }
  });
});

describe("lag", () => {
  test("delays lists and `latest`, and not reads by number", async () => {
    await createSecret();
    const first = await add();
    now += 100;
    const second = await add();
    await client.disableSecretVersion({ name: first });
    running.standIn.setLag(50);
    expect(await listed()).toEqual(["1 ENABLED"]);
    expect(
      await only(client.getSecretVersion({ name: `${SECRET}/versions/latest` })),
    ).toMatchObject({ name: first, state: "DISABLED" });
    expect(await only(client.accessSecretVersion({ name: second }))).toMatchObject({
      name: second,
    });
    now += 50;
    expect(await listed()).toEqual(["2 ENABLED", "1 DISABLED"]);
  });
});

describe("versionDestroyTtl", () => {
  test("disables a destroyed version, and destroys it after the delay", async () => {
    await createSecret({ versionDestroyTtl: { seconds: 86_400 } });
    const name = await add();
    const [going] = await client.destroySecretVersion({ name });
    expect(going).toMatchObject({
      state: "DISABLED",
      scheduledDestroyTime: { seconds: String(START + 86_400) },
    });
    now += 86_399;
    expect(await listed()).toEqual(["1 DISABLED"]);
    now += 1;
    expect(await listed()).toEqual(["1 DESTROYED"]);
    await expect(client.enableSecretVersion({ name })).rejects.toMatchObject({
      code: CODES.FAILED_PRECONDITION,
    });
  });

  test("allows a version to be restored until then", async () => {
    await createSecret({ versionDestroyTtl: { seconds: 86_400 } });
    const name = await add();
    await client.destroySecretVersion({ name });
    now += 86_399;
    const [back] = await client.enableSecretVersion({ name });
    expect(back).toMatchObject({ state: "ENABLED", scheduledDestroyTime: null });
    now += 86_400;
    expect(await only(client.accessSecretVersion({ name }))).toMatchObject({ name });
  });
});

describe("other processes", () => {
  async function control(what: string, body?: object): Promise<Response> {
    return fetch(`${running.url}/_control/${what}`, {
      method: body === undefined ? "GET" : "POST",
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  test("can make a number of calls fail, and end the fault", async () => {
    await createSecret();
    await control("fail", { fault: "forbidden", on: ["list"], times: 1 });
    await control("fail", { fault: "internal", on: ["getSecret"] });
    await expect(listed()).rejects.toMatchObject({ code: CODES.PERMISSION_DENIED });
    expect(await listed()).toEqual([]);
    for (let i = 0; i < 2; i += 1) {
      await expect(client.getSecret({ name: SECRET })).rejects.toMatchObject({
        code: CODES.INTERNAL,
      });
    }
    await control("heal", {});
    expect(await client.getSecret({ name: SECRET })).toHaveLength(3);
  });

  test("can set the lag, advance the clock, and count calls, including failed ones", async () => {
    await createSecret();
    await add();
    await control("lag", { seconds: 30 });
    expect(await listed()).toEqual([]);
    expect(await (await control("advance", { seconds: 30 })).json()).toEqual({ now: START + 30 });
    expect(await listed()).toEqual(["1 ENABLED"]);
    running.standIn.fail({ fault: "forbidden" });
    await expect(listed()).rejects.toThrow();
    expect(await (await control("calls")).json()).toMatchObject({
      createSecret: 1,
      add: 1,
      list: 3,
    });
  });

  test("get 404 for unknown controls", async () => {
    const unknown: [string, object][] = [
      ["fail", { fault: "flood" }],
      ["lag", {}],
      ["advance", { seconds: "9" }],
      ["explode", {}],
    ];
    for (const [what, body] of unknown) expect((await control(what, body)).status).toBe(400);
  });
});

describe("a fault", () => {
  const VERSION = `/v1/${SECRET}/versions/1`;
  const ADD = { method: "POST", body: '{"payload":{"data":"eA=="}}' };
  let url: string;
  beforeEach(async () => {
    ({ url } = running);
    running.standIn.store.createSecret("acme", "KEY");
    running.standIn.store.add("acme", "KEY", { data: PAYLOAD.toString("base64") });
  });

  test("is one of these, so that all are tested", () => {
    expect([...FAULTS].toSorted()).toEqual(
      [
        ...["unauthenticated", "forbidden", "internal", "unavailable", "exhausted"], // above
        ...["unreachable", "hang", "garbage", "nonsense", "proxy404"],
        ...["wrongChecksum", "lostAnswer"],
      ].toSorted(),
    );
  });

  test("can break the connection before or after the call has its effect", async () => {
    running.standIn.fail({ fault: "unreachable", times: 1 });
    await expect(fetch(`${url}/v1/${SECRET}:addVersion`, ADD)).rejects.toThrow("fetch failed");
    expect(running.standIn.store.list("acme", "KEY", ALL).totalSize).toBe(1);
    running.standIn.fail({ fault: "lostAnswer", times: 1 });
    await expect(fetch(`${url}/v1/${SECRET}:addVersion`, ADD)).rejects.toThrow("fetch failed");
    expect(running.standIn.store.list("acme", "KEY", ALL).totalSize).toBe(2);
  });

  test("can leave a call without a response", async () => {
    running.standIn.fail({ fault: "hang" });
    const caller = new AbortController();
    const call = fetch(`${url}${VERSION}`, { signal: caller.signal });
    // A later request is answered, and this one is not.
    expect((await fetch(`${url}/_control/calls`)).status).toBe(200);
    const answered = await Promise.race([call.then(() => true), Promise.resolve(false)]);
    expect(answered).toBe(false);
    caller.abort();
    await expect(call).rejects.toThrow();
  });

  test("can be an invalid response", async () => {
    const ask = async (fault: (typeof FAULTS)[number]) => {
      running.standIn.fail({ fault, times: 1 });
      const response = await fetch(`${url}${VERSION}`);
      return [response.status, response.headers.get("content-type"), await response.text()];
    };
    expect(await ask("garbage")).toEqual([200, "text/html", expect.stringMatching(/^</)]);
    expect(await ask("proxy404")).toEqual([404, "text/html", expect.stringMatching(/^</)]);
    expect(await ask("nonsense")).toEqual([200, "application/json", expect.stringMatching(/^{/)]);
  });

  test("can be a payload with a wrong checksum", async () => {
    running.standIn.fail({ fault: "wrongChecksum", times: 1 });
    const access = async () => (await fetch(`${url}${VERSION}:access`)).json();
    const wrong = (await access()) as { payload: { data: string; dataCrc32c: string } };
    const right = (await access()) as typeof wrong;
    expect(wrong.payload.data).toBe(right.payload.data);
    expect(wrong.payload.dataCrc32c).not.toBe(right.payload.dataCrc32c);
  });
});

const ALL = { filter: "", pageSize: 0, pageToken: "" };

describe("a state file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "phoenix-secrets-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("keeps secrets, payloads and states from one run to the next", async () => {
    const state = join(folder, "secrets.json");
    await using before = await startSecretManager({ state, clock: () => now });
    const { store } = before.standIn;
    store.createSecret("acme", "KEY", { versionDestroyTtl: "60s" });
    for (let i = 0; i < 4; i += 1) store.add("acme", "KEY", { data: "c2VjcmV0" });
    store.disable("acme", "KEY", "1");
    store.destroy("acme", "KEY", "2");
    const told = store.list("acme", "KEY", ALL);
    await before.close();

    await using after = await startSecretManager({ state, clock: () => now });
    expect(after.standIn.store.list("acme", "KEY", ALL)).toEqual(told);
    expect(after.standIn.store.access("acme", "KEY", "4").payload.data).toBe("c2VjcmV0");
    expect(after.standIn.store.add("acme", "KEY", { data: "eA==" }).name).toMatch(/\/5$/);
    now += 60;
    expect(after.standIn.store.get("acme", "KEY", "2").state).toBe("DESTROYED");
  });

  test("is readable by its owner only, and contains no destroyed payload", async () => {
    const state = join(folder, "destroyed.json");
    await using secretManager = await startSecretManager({ state });
    const { standIn } = secretManager;
    standIn.store.createSecret("acme", "KEY");
    standIn.store.add("acme", "KEY", { data: "c2VjcmV0" });
    expect(readFileSync(state, "utf8")).toContain("c2VjcmV0");
    standIn.store.destroy("acme", "KEY", "1");
    expect(readFileSync(state, "utf8")).not.toContain("c2VjcmV0");
    if (process.platform !== "win32") expect(statSync(state).mode & 0o777).toBe(0o600);
  });
});

test("only the API's paths answer, and a taken port is an error", async () => {
  for (const path of ["/", "/v1/projects/acme", `/v1/${SECRET}/versions/1:explode`]) {
    expect((await fetch(`${running.url}${path}`)).status).toBe(404);
  }
  const port = Number(new URL(running.url).port);
  await expect(startSecretManager({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});
