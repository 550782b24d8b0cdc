import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { bundlesBucket } from "../../infra/names.ts";
import {
  ALERTS,
  declared,
  environmentOf,
  fingerprints,
  input,
  ROTATOR,
  type Selected,
  SIGN_IN,
  variable,
} from "./select.ts";

const EVERYTHING = { ...SIGN_IN, ...ALERTS, "phoenix:domain": "phoenix.acme.example" };
const SERVICE = "gcp:cloudrunv2/service:Service";
const BACKEND = "gcp:compute/backendService:BackendService domain";
const DASHBOARD = "gcp:monitoring/dashboard:Dashboard dashboard";
const MISSING = "gcp:monitoring/alertPolicy:AlertPolicy region-missing";

const web = (region: string) => `${SERVICE} web-${region}`;

function inRegions(regions: string, config: Record<string, string> = {}): Promise<Selected> {
  return declared("prod", { ...EVERYTHING, "phoenix:regions": regions, ...config });
}

test("each region has a service of the same name and account, with its own base image and bundle", async () => {
  const { get, ofType } = await inRegions("europe-west1,us-central1");
  expect(ofType("gcp:serviceaccount/account:Account").map(({ name }) => name)).toEqual(
    expect.arrayContaining(["web", "rotator", "rotator-push"]),
  );
  for (const region of ["europe-west1", "us-central1"]) {
    const bucket = `phoenix-prod-bundles-${region}-342abdb1`;
    expect(get(web(region)).inputs).toMatchObject({
      location: region,
      name: "phoenix-prod",
      template: { serviceAccount: "phoenix-prod@acme-phoenix.iam.gserviceaccount.com" },
      scaling: { minInstanceCount: 1, maxInstanceCount: 20 },
    });
    expect(input(get(web(region)), "template.containers.0")).toMatchObject({
      baseImageUri: `${region}-docker.pkg.dev/serverless-runtimes/google-24-full/runtimes/nodejs24`,
      sourceCode: { cloudStorageSource: { bucket } },
    });
    expect(get(`gcp:storage/bucket:Bucket bundles-${region}`).inputs).toMatchObject({
      name: bucket,
      location: region.toUpperCase(),
    });
  }
});

test("all regions have the same environment: one address, one secret, one list of ended sessions", async () => {
  const { get, ofType } = await inRegions("europe-west1,us-central1,asia-east1");
  const environment = (region: string) => environmentOf(get(web(region)));
  expect(environment("us-central1")).toEqual(environment("europe-west1"));
  expect(environment("asia-east1")).toEqual(environment("europe-west1"));
  expect(variable(get(web("asia-east1")), "PUBLIC_URL")).toBe("https://phoenix.acme.example");
  expect(ofType("gcp:secretmanager/secret:Secret")).toHaveLength(2);
  expect(ofType("gcp:secretmanager/secretVersion:SecretVersion")).toHaveLength(1);
});

test("the rotator is in the first region only", async () => {
  const { get, ofType } = await inRegions("europe-west1,us-central1");
  expect(ofType(SERVICE)).toHaveLength(3);
  expect(get(ROTATOR).inputs.location).toBe("europe-west1");
});

test("the load balancer has every region behind one backend", async () => {
  const { get } = await inRegions("europe-west1,us-central1");
  const group = (region: string) => ({
    group: `projects/acme-phoenix/regions/${region}/networkEndpointGroups/phoenix-prod-${region}`,
  });
  expect(get(BACKEND).inputs.backends).toEqual([group("europe-west1"), group("us-central1")]);
});

describe("a region is failed over", () => {
  test("by a readiness probe, sooner than its instances are restarted", async () => {
    const { get } = await inRegions("europe-west1,us-central1");
    for (const region of ["europe-west1", "us-central1"]) {
      const container = input(get(web(region)), "template.containers.0");
      const { readinessProbe, livenessProbe } = container as Record<string, Probe>;
      expect(readinessProbe?.timeoutSeconds).toBeLessThan(readinessProbe?.periodSeconds ?? 0);
      expect(secondsUntilFailed(readinessProbe)).toBeLessThan(secondsUntilFailed(livenessProbe));
    }
  });

  test("not because of the keys, whose outage would affect all regions at once", async () => {
    const { get } = await inRegions("europe-west1,us-central1");
    expect(
      input(get(web("us-central1")), "template.containers.0.readinessProbe.httpGet.path"),
    ).toBe("/health/live");
  });

  test("with a domain only: neither the rotator nor a stack without one has the probe", async () => {
    const { get } = await inRegions("europe-west1,us-central1");
    const without = (await declared("prod")).get(web("europe-west1"));
    for (const service of [get(ROTATOR), without]) {
      expect(input(service, "template.containers.0")).not.toHaveProperty("readinessProbe");
    }
  });
});

interface Probe {
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

function secondsUntilFailed(probe: Probe | undefined): number {
  return (probe?.periodSeconds ?? 0) * (probe?.failureThreshold ?? 0);
}

describe("access is the same in every region", () => {
  test.each([
    ["allUsers", "public", "allUsers"],
    [
      "private",
      "uptime",
      "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
    ],
  ])("with %s", async (publicAccess, grant, member) => {
    const { get } = await inRegions("europe-west1,us-central1", {
      "phoenix:publicAccess": publicAccess,
    });
    for (const location of ["europe-west1", "us-central1"]) {
      const id = `gcp:cloudrunv2/serviceIamMember:ServiceIamMember web-${location}-${grant}`;
      expect(get(id).inputs).toMatchObject({ location, name: "phoenix-prod", member });
    }
  });
});

/** IDs of resources with other inputs or options, and of new and removed ones. */
function changesOf(before: Selected, after: Selected) {
  const [old, now] = [fingerprints(before), fingerprints(after)];
  return {
    added: [...now.keys()].filter((id) => !old.has(id)).toSorted(),
    removed: [...old.keys()].filter((id) => !now.has(id)).toSorted(),
    changed: [...old.keys()].filter((id) => now.has(id) && now.get(id) !== old.get(id)).toSorted(),
  };
}

/** Resources of one region. */
function ownOf(region: string): string[] {
  return [
    web(region),
    `gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup domain-${region}`,
    `gcp:storage/bucket:Bucket bundles-${region}`,
    `gcp:storage/bucketObject:BucketObject bundles-${region}`,
  ].toSorted();
}

describe("adding or removing a region", () => {
  test("changes only the backend, the dashboard and an alert besides", async () => {
    const one = await declared("prod", EVERYTHING);
    const two = await inRegions("europe-west1,us-central1");
    const three = await inRegions("europe-west1,asia-east1,us-central1");
    expect(changesOf(one, two)).toEqual({
      added: [...ownOf("us-central1"), MISSING].toSorted(),
      removed: [],
      changed: [BACKEND, DASHBOARD],
    });
    expect(changesOf(two, three)).toEqual({
      added: ownOf("asia-east1"),
      removed: [],
      changed: [BACKEND, MISSING],
    });
    expect(changesOf(three, two)).toEqual({
      added: [],
      removed: ownOf("asia-east1"),
      changed: [BACKEND, MISSING],
    });
  });

  test("creates no dependency between regions", async () => {
    const stack = await inRegions("europe-west1,us-central1");
    const needs = (region: string) => [...stack.before(web(region))].join();
    expect(needs("europe-west1")).not.toContain("us-central1");
    expect(needs("us-central1")).not.toContain("europe-west1");
  });

  test("does not depend on the order in the setting", async () => {
    const one = await inRegions("europe-west1,asia-east1,us-central1");
    const other = await inRegions("europe-west1,us-central1,asia-east1");
    expect(changesOf(one, other)).toEqual({ added: [], removed: [], changed: [] });
  });

  test("as the first one moves what exists once, and leaves the other regions' services unchanged", async () => {
    const ended = { "phoenix:endedLocation": "EU" };
    const both = await inRegions("europe-west1,us-central1", ended);
    const rest = await inRegions("us-central1", { ...ended, "gcp:region": "us-central1" });
    const { added, removed, changed } = changesOf(both, rest);
    expect(added).toEqual([]);
    expect(removed).toEqual([...ownOf("europe-west1"), MISSING].toSorted());
    expect(changed.filter((id) => !/rotator/.test(id))).toEqual([BACKEND, DASHBOARD]);
  });

  test("changes the refresh interval of the others, if all together would exceed the quota", async () => {
    const most = { "phoenix:maxInstances": "1000" };
    const one = await declared("prod", { ...EVERYTHING, ...most });
    const two = await inRegions("europe-west1,us-central1", most);
    expect(changesOf(one, two).changed).toEqual(
      [BACKEND, DASHBOARD, web("europe-west1")].toSorted(),
    );
    const without = ({ get }: Selected) =>
      environmentOf(get(web("europe-west1"))).filter(({ name }) => name !== "KEY_REFRESH_INTERVAL");
    expect(without(two)).toEqual(without(one));
    const interval = ({ get }: Selected) =>
      variable(get(web("europe-west1")), "KEY_REFRESH_INTERVAL");
    expect([interval(one), interval(two)]).toEqual(["60", "67"]);
    expect(two.outputs.keyPolicy).toMatchObject({ refreshInterval: 67 });
  });
});

test("traffic is split in each region by its own revisions, and a region that isn't named gets the newest", async () => {
  const { get } = await inRegions("europe-west1,us-central1,asia-east1", {
    "phoenix:traffic":
      "europe-west1/latest=10,europe-west1/phoenix-prod-00007-abc=90,us-central1/phoenix-prod-00005-xyz=100",
  });
  const revision = (name: string, percent: number) => ({
    type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
    revision: name,
    percent,
  });
  const latest = (percent: number) => ({
    type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST",
    percent,
  });
  expect(get(web("europe-west1")).inputs.traffics).toEqual([
    latest(10),
    revision("phoenix-prod-00007-abc", 90),
  ]);
  expect(get(web("us-central1")).inputs.traffics).toEqual([
    revision("phoenix-prod-00005-xyz", 100),
  ]);
  expect(get(web("asia-east1")).inputs.traffics).toEqual([latest(100)]);
});

test("the setting traffic accepts each of the output revisions", async () => {
  const { outputs } = await inRegions("europe-west1,us-central1");
  expect(outputs.revisions).toEqual([
    "europe-west1/phoenix-prod-00001-abc",
    "us-central1/phoenix-prod-00001-abc",
  ]);
  const traffic = (outputs.revisions as string[]).map((revision) => `${revision}=100`).join(",");
  await expect(
    inRegions("europe-west1,us-central1", { "phoenix:traffic": traffic }),
  ).resolves.toBeDefined();
});

test("a region without an instance raises an alert, if minInstances is at least 1", async () => {
  const query = "conditions.0.conditionPrometheusQueryLanguage.query";
  const { get } = await inRegions("europe-west1,us-central1");
  expect(input(get(MISSING), query)).toBe(
    "(count(sum by (location) (run_googleapis_com:container_instance_count" +
      '{monitored_resource="cloud_run_revision",service_name="phoenix-prod"}) > 0) or vector(0)) < 2',
  );
  expect((await declared("prod", EVERYTHING)).has(MISSING)).toBe(false);
  const cold = await declared("dev", { ...EVERYTHING, "phoenix:regions": "europe-west1,us-east1" });
  expect(cold.has(MISSING)).toBe(false);
});

test("with several regions the dashboard shows requests and instances by region", async () => {
  const charts = async (stack: Promise<Selected>) =>
    String((await stack).get(DASHBOARD).inputs.dashboardJson).match(/"title":"[^"]*by region"/g);
  expect(await charts(inRegions("europe-west1,us-central1"))).toEqual([
    '"title":"Requests per second by region"',
    '"title":"Instances by region"',
  ]);
  expect(await charts(declared("prod", EVERYTHING))).toBeNull();
});

test("the name of a bundle bucket is valid, and contains the project", () => {
  const name = (least: number, most: number) =>
    fc.stringMatching(new RegExp(`^[a-z][a-z0-9-]{${least - 2},${most - 2}}[a-z0-9]$`));
  fc.assert(
    fc.property(
      name(6, 30),
      name(6, 30),
      name(3, 15),
      name(3, 6),
      fc.constantFrom("me-west1", "northamerica-northeast1"),
      (project, other, product, environment, region) => {
        fc.pre(project !== other);
        const bucket = bundlesBucket(project, { product, environment }, region);
        expect(bucket).toMatch(/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/);
        expect(bucket).not.toBe(bundlesBucket(other, { product, environment }, region));
      },
    ),
  );
});
