import { expect, test } from "@jest/globals";
import { planSchedule } from "../../../infra/rotation/rotationSchedule.ts";
import { declared, input, SECRET, SIGN_IN } from "../select.ts";

const NOW = new Date("2026-01-01T12:00:00.123Z");
const DAY = 24 * 3600;

test("no version of the secret is a resource, so that no key is in Pulumi's state", async () => {
  const { ofType } = await declared("prod", SIGN_IN);
  const versions = ofType("gcp:secretmanager/secretVersion:SecretVersion");
  expect(versions.map(({ name }) => name)).toEqual(["oidc-client-secret"]);
});

test("in prod the secret can't be deleted, neither by Pulumi nor by the provider", async () => {
  const guards = async (stack: "dev" | "prod") => {
    const { inputs, options } = (await declared(stack)).get(SECRET);
    return [inputs.deletionProtection, options.protect];
  };
  expect(await guards("prod")).toEqual([true, true]);
  expect(await guards("dev")).toEqual([false, false]);
});

test("a destroyed version can be restored for a week", async () => {
  const { get } = await declared("prod");
  expect(get(SECRET).inputs.versionDestroyTtl).toBe(`${7 * DAY}s`);
});

test("without a rotation period no schedule is declared", async () => {
  const { get, resources } = await declared("dev");
  expect(get(SECRET).inputs).not.toHaveProperty("rotation");
  expect(get(SECRET).inputs).not.toHaveProperty("topics");
  expect(get(SECRET).options.ignoreChanges).toEqual([]);
  const types = resources.map(({ type }) => type);
  expect(types.filter((type) => /pubsub|serviceIdentity|KeyRotator/.test(type))).toEqual([]);
});

// ASVS 13.3.4
test("a schedule has a period, a first time that Google accepts, and a topic", async () => {
  const { get } = await declared("prod");
  const { rotation, topics } = get(SECRET).inputs as {
    rotation: { rotationPeriod: string; nextRotationTime: string };
    topics: unknown;
  };
  expect(rotation.rotationPeriod).toBe("2592000s");
  expect(rotation.nextRotationTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(Date.parse(rotation.nextRotationTime) - Date.now()).toBeGreaterThan(5 * 60 * 1000);
  expect(topics).toEqual([{ name: "projects/acme-phoenix/topics/phoenix-prod-secret-events" }]);
});

test("changes of the next rotation time by Secret Manager are ignored", async () => {
  const running = () => ({ rotations: [{ rotationPeriod: "2592000s", nextRotationTime: "x" }] });
  for (const call of [undefined, running, () => ({})]) {
    const { get } = await declared("prod", {}, call ? { call } : {});
    expect(get(SECRET).options.ignoreChanges).toEqual(["rotation.nextRotationTime"]);
  }
});

test.each([
  ["is the first one", []],
  ["has another period", [{ rotationPeriod: "604800s", nextRotationTime: "2020-01-01T00:00:00Z" }]],
])("a schedule that %s sets the next rotation time", async (_, rotations) => {
  const calls: [string, object][] = [];
  const call = (token: string, inputs: object) => {
    calls.push([token, inputs]);
    return { rotations };
  };
  const { get } = await declared("prod", {}, { call });
  expect(get(SECRET).options.ignoreChanges).toEqual([]);
  expect(Date.parse(String(input(get(SECRET), "rotation.nextRotationTime")))).toBeGreaterThan(
    Date.now(),
  );
  expect(calls).toContainEqual([
    "gcp:secretmanager/getSecret:getSecret",
    { project: "acme-phoenix", secretId: "phoenix-prod-SECRET_KEY" },
  ]);
});

test("a new schedule starts one period from now", () => {
  expect(planSchedule(30 * DAY, { rotations: [] }, NOW)).toEqual({
    period: 30 * DAY,
    firstTime: "2026-01-31T12:00:00Z",
    isNew: true,
  });
});

test("Secret Manager is granted Publisher before the secret gets the topic", async () => {
  const { before, get } = await declared("prod");
  expect([...before(SECRET)]).toEqual(
    expect.arrayContaining([
      "gcp:pubsub/topicIAMMember:TopicIAMMember secret-events-publisher",
      "gcp:projects/serviceIdentity:ServiceIdentity secret-manager-identity",
      "gcp:pubsub/topic:Topic secret-events",
      "gcp:projects/service:Service pubsub",
      "gcp:projects/service:Service secretmanager",
    ]),
  );
  expect(
    get("gcp:pubsub/topicIAMMember:TopicIAMMember secret-events-publisher").options.dependencies,
  ).toContain(get("gcp:projects/serviceIdentity:ServiceIdentity secret-manager-identity").urn);
});

test("no setting replaces the secret: its name and replication never change", async () => {
  const fixed = async (config: Record<string, string>) => {
    const { inputs } = (await declared("prod", config)).get(SECRET);
    return [inputs.project, inputs.secretId, inputs.replication];
  };
  const all = {
    "phoenix:rotationPeriod": "7d",
    "phoenix:labels": "team=web",
    "phoenix:deletionProtection": "false",
    "phoenix:sessionLifetime": "3600",
    "gcp:region": "us-central1",
    ...SIGN_IN,
  };
  const original = await fixed({});
  expect(await fixed(all)).toEqual(original);
  expect(await fixed({ ...all, "phoenix:rotationPeriod": "" })).toEqual(original);
});
