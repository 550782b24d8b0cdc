import { expect, test } from "@jest/globals";
import { ConfigError } from "../../../service/contract/errors.ts";
import { declared, SECRET } from "../select.ts";

const LOCATIONS = { "phoenix:secretLocations": "europe-west4,europe-west1" };

/** Google's description of a secret in these regions; none: automatic replication. */
function secretIn(...regions: string[]) {
  const userManageds = [{ replicas: regions.map((location) => ({ location })) }];
  return () => ({
    replications: [regions.length > 0 ? { userManageds, autos: [] } : { autos: [{}] }],
  });
}

async function problemOf(config: Record<string, string>, call: () => Record<string, unknown>) {
  const error: unknown = await declared("dev", config, { call }).catch((thrown: unknown) => thrown);
  return error instanceof ConfigError ? error.problems : [];
}

test("a new stack may choose the regions of its secrets", async () => {
  const { get } = await declared("dev", LOCATIONS);
  expect(get(SECRET).inputs.replication).toEqual({
    userManaged: { replicas: [{ location: "europe-west1" }, { location: "europe-west4" }] },
  });
});

test("a stack whose secret is in the chosen regions is accepted", async () => {
  expect(await problemOf(LOCATIONS, secretIn("europe-west4", "europe-west1"))).toEqual([]);
  expect(await problemOf({}, secretIn())).toEqual([]);
});

test("a stack whose secret is in other regions is refused, with the command that fixes it", async () => {
  expect(await problemOf(LOCATIONS, secretIn())).toEqual([
    {
      setting: "phoenix:secretLocations",
      cause: expect.stringContaining("is kept where Google chose"),
      remedy: "Run `npx pulumi config rm --stack dev phoenix:secretLocations`",
    },
  ]);
  expect(await problemOf({}, secretIn("us-east1"))).toEqual([
    {
      setting: "phoenix:secretLocations",
      cause: expect.stringContaining("is kept in us-east1: Pulumi would replace"),
      remedy: "Run `npx pulumi config set --stack dev phoenix:secretLocations us-east1`",
    },
  ]);
});
