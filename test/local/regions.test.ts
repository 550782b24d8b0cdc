import { afterAll, afterEach, expect, test } from "@jest/globals";
import type { FleetEvents } from "./fleet.ts";
import type { Revision } from "./instance.ts";
import { type Region, Regions } from "./regions.ts";
import { PROBE, removeTestService, revision } from "./testService.ts";

afterAll(removeTestService);

const started: Regions[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((regions) => regions.close()));
});

interface Setup {
  readonly names?: readonly string[];
  readonly instances?: number;
  /** Options of the first region. */
  readonly first?: Partial<Revision> & { readonly events?: FleetEvents };
}

/** Starts regions; returns the first two of them and the events. */
async function start({ names = ["near", "far"], instances = 1, first = {} }: Setup = {}) {
  const told: string[] = [];
  const { events, ...change } = first;
  const regions = await Regions.start({
    regions: names.map((name, index) => ({
      name,
      instances,
      revision: revision({
        readinessProbe: { ...PROBE, periodSeconds: 0.05, failureThreshold: 2 },
        ...(index === 0 ? change : {}),
        env: { REGION: name, ...(index === 0 ? change.env : {}) },
      }),
      ...(index === 0 && events && { events }),
    })),
    events: {
      onServing: (name) => told.push(`serving ${name}`),
      onFailure: (name, _error, { method }) => told.push(`${method} failed in ${name}`),
    },
  });
  started.push(regions);
  const [near, far] = regions.all as readonly [Region, Region];
  return { regions, near, far, told };
}

/** Status and region of a response. */
async function ask({ url }: Regions, path = "/", init: RequestInit = {}) {
  const response = await fetch(url + path, init);
  await response.arrayBuffer();
  return `${response.status} ${response.headers.get("x-region")}`;
}

/** Polls a condition until it holds, or the test times out. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate);
}

test("the nearest region gets all requests", async () => {
  const { regions, told } = await start({ names: ["near", "far", "farther"] });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(regions)));
  expect(new Set(answers)).toEqual(new Set(["200 near"]));
  expect(told).toEqual([]);
});

test("while it is away the next one gets them, and once it is back it gets them again", async () => {
  const { regions, near, far, told } = await start();
  const [killed] = near.fleet.instances();
  await regions.lose(near);
  expect(() => process.kill(killed?.pid ?? 0, 0)).toThrow();
  expect(near.away).toBe(true);
  expect(regions.serving).toBe(far);
  expect(await ask(regions)).toBe("200 far");
  await regions.bringBack(near);
  expect(await ask(regions)).toBe("200 near");
  await regions.lose(far);
  expect(await ask(regions)).toBe("200 near");
  expect(told).toEqual(["serving far", "serving near"]);
});

test("with all regions away the status is 503, until one is back", async () => {
  const { regions, near, far, told } = await start();
  await Promise.all([regions.lose(near), regions.lose(far)]);
  expect(await ask(regions)).toBe("503 null");
  await regions.bringBack(far);
  expect(await ask(regions)).toBe("200 far");
  expect(told.slice(-2)).toEqual(["serving undefined", "serving far"]);
});

test("if a region is lost, its GETs are answered by the next one, and its POSTs with 502", async () => {
  const hanging = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let count = 0;
  const events: FleetEvents = {
    onLine: (_instance, line) => line === "hanging" && hanging[count++]?.resolve(),
  };
  const { regions, near, told } = await start({ first: { env: { HANGS: "1" }, events } });
  const requests = [ask(regions, "/hang"), ask(regions, "/hang", { method: "POST", body: "x" })];
  await Promise.all(hanging.map(({ promise }) => promise));
  await regions.lose(near);
  expect(await Promise.all(requests)).toEqual(["200 far", "502 null"]);
  expect(told.toSorted()).toEqual(["GET failed in near", "POST failed in near", "serving far"]);
});

test("a region whose instances fail their readiness probe gets no requests until they pass it", async () => {
  const { regions, near } = await start();
  const [instance] = near.fleet.instances();
  await ask(regions, "/sick");
  await until(async () => (await ask(regions)) === "200 far");
  expect(instance?.state).toBe("unready");
  await fetch(`http://127.0.0.1:${near.fleet.instances()[0]?.port}/well`);
  await until(async () => (await ask(regions)) === "200 near");
  expect(near.fleet.instances()).toEqual([instance]);
});

test("who looks on is told of another region as soon as one fails, before anybody asks", async () => {
  const { near, told } = await start({ instances: 2 });
  await Promise.all(near.fleet.instances().map(({ id }) => near.fleet.crash(id)));
  expect(told).toEqual(["serving far"]);
  await until(() => told.length === 2);
  expect(told).toEqual(["serving far", "serving near"]);
});

// https://cloud.google.com/run/docs/configuring/configure-service-health
test("a region is healthy while 60 % of its instances pass", async () => {
  const { regions, near } = await start({ instances: 3 });
  const makeSick = ({ port }: { readonly port: number }) => fetch(`http://127.0.0.1:${port}/sick`);
  const [first, second] = near.fleet.instances();
  if (first === undefined || second === undefined) throw new Error("There are too few instances.");
  await makeSick(first);
  await until(() => first.state === "unready");
  expect(await ask(regions)).toBe("200 near");
  await makeSick(second);
  await until(() => second.state === "unready");
  expect(await ask(regions)).toBe("200 far");
});

test("without a readiness probe a failing region still gets requests", async () => {
  const { regions, near } = await start({ first: { readinessProbe: undefined } });
  await ask(regions, "/sick");
  await near.fleet.crash();
  expect(await ask(regions)).toBe("200 near");
});

test("a change is deployed in every region, and in one that is away once it is back", async () => {
  const { regions, near } = await start();
  const { directory } = revision();
  await regions.lose(near);
  await regions.roll(directory, { REGION: "changed" });
  expect(await ask(regions)).toBe("200 changed");
  await regions.bringBack(near);
  expect(await ask(regions)).toBe("200 changed");
  expect(regions.serving).toBe(near);
});

test("a region that is brought back twice at once starts once", async () => {
  const { regions, near } = await start();
  await regions.lose(near);
  await Promise.all([regions.bringBack(near), regions.bringBack(near)]);
  const { fleet } = near;
  await regions.bringBack(near);
  expect(near.fleet).toBe(fleet);
});

test("regions don't start if one does not get ready", async () => {
  const broken = start({ first: { env: { BROKEN: "1" } } });
  await expect(broken).rejects.toMatchObject({ code: "REVISION_FAILED" });
});

test("one region alone has its own address, and no load balancer before it", async () => {
  const { regions, near } = await start({ names: ["near"] });
  expect(regions.url).toBe(near.fleet.url);
  expect(await ask(regions)).toBe("200 near");
});

test("a taken port is an error", async () => {
  const { regions } = await start({ names: ["near"] });
  const port = Number(new URL(regions.url).port);
  const options = ["near", "far"].map((name) => ({ name, instances: 1, revision: revision() }));
  await expect(Regions.start({ regions: options, port })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
});
