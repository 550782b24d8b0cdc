import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { Fleet, type FleetEvents, type FleetOptions } from "./fleet.ts";
import { PROBE, removeTestService, revision } from "./testService.ts";

afterAll(removeTestService);

const fleets: Fleet[] = [];
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.close()));
});

async function start(options: Partial<FleetOptions> = {}): Promise<Fleet> {
  const fleet = await Fleet.start({ revision: revision(), instances: 2, ...options });
  fleets.push(fleet);
  return fleet;
}

/** The instance that answered; throws unless the status is 200. */
async function ask({ port }: Fleet, path = "/"): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  const body = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${body}`);
  return response.headers.get("x-instance") ?? "";
}

/** The instances that answer, from twenty requests per instance, so that none is missed. */
async function askAll(fleet: Fleet): Promise<Set<string>> {
  const count = 20 * fleet.instances().length;
  return new Set(await Promise.all(Array.from({ length: count }, () => ask(fleet))));
}

function ids(fleet: Fleet): Set<string> {
  return new Set(fleet.instances().map(({ id }) => id));
}

test("every instance is picked, and has the name in X-Instance", async () => {
  const fleet = await start({ instances: 3 });
  expect(fleet.instances().map(({ state }) => state)).toEqual(["ready", "ready", "ready"]);
  expect(await askAll(fleet)).toEqual(ids(fleet));
});

test("an instance has only the declared environment, a port and its own folder", async () => {
  process.env.NOT_DECLARED = "secret";
  const fleet = await start({ revision: revision({ env: { DECLARED: "yes" } }), instances: 1 });
  delete process.env.NOT_DECLARED;
  const response = await fetch(`http://127.0.0.1:${fleet.port}/env`);
  const env = (await response.json()) as Record<string, string>;
  expect(env).toMatchObject({ DECLARED: "yes", PORT: expect.stringMatching(/^\d+$/) });
  const names = new Set(["DECLARED", "PATH", "PORT", "SYSTEMROOT", "TEMP", "TMPDIR"]);
  expect(Object.keys(env).filter((name) => !names.has(name))).toEqual([]);
  expect(existsSync(env.TMPDIR ?? "")).toBe(true);
  await fleet.close();
  expect(existsSync(env.TMPDIR ?? "")).toBe(false);
});

test("an instance picks a free port itself, which avoids a race", async () => {
  const fleet = await start({ instances: 1 });
  const [{ port } = { port: 0 }] = fleet.instances();
  const response = await fetch(`http://127.0.0.1:${port}/env`);
  expect(await response.json()).toMatchObject({ PORT: "0" });
});

test("an instance is listed once it listens, with its port", async () => {
  const fleet = await start({ instances: 1 });
  const adding = fleet.add();
  expect(fleet.instances()).toHaveLength(1);
  const added = await adding;
  expect(fleet.instances()).toContain(added);
  expect(added.port).toBeGreaterThan(0);
});

test("killing, adding, draining and freezing instances loses no request", async () => {
  const fleet = await start({ instances: 3 });
  let going = true;
  const load = Array.from({ length: 8 }, async () => {
    let answered = 0;
    for (; going; answered++) await ask(fleet);
    return answered;
  });
  try {
    const before = ids(fleet);
    await fleet.kill();
    const { id: added } = await fleet.add();
    await fleet.drain([...before].find((id) => ids(fleet).has(id)));
    fleet.freeze(added);
    expect(await askAll(fleet)).not.toContain(added);
    fleet.thaw(added);
    expect(await askAll(fleet)).toContain(added);
    expect(fleet.instances()).toHaveLength(2);
  } finally {
    going = false;
  }
  for (const answered of await Promise.all(load)) expect(answered).toBeGreaterThan(0);
});

test("an instance that crashes is replaced, and the crash is reported", async () => {
  const ready = Promise.withResolvers<void>();
  const crashes: string[] = [];
  let starts = 0;
  const fleet = await start({
    events: {
      onCrash: (instance, how) => crashes.push(`${instance.id} ${how}`),
      onReady: () => {
        starts += 1;
        if (starts === 3) ready.resolve();
      },
    },
  });
  const [victim] = fleet.instances();
  await fleet.crash(victim?.id);
  expect(await ask(fleet)).toBe(fleet.instances()[0]?.id);
  await ready.promise;
  expect(crashes).toEqual([`${victim?.id} SIGKILL`]);
  expect(await askAll(fleet)).toEqual(ids(fleet));
  expect(fleet.instances()).toHaveLength(2);
});

test("requests wait if there is no instance", async () => {
  const fleet = await start({ instances: 1 });
  const [victim] = fleet.instances();
  await fleet.crash();
  expect(await ask(fleet)).not.toBe(victim?.id);
});

test("an instance that fails its liveness probe is replaced", async () => {
  const sick = Promise.withResolvers<string>();
  const replaced = Promise.withResolvers<void>();
  const livenessProbe = { ...PROBE, periodSeconds: 0.05, failureThreshold: 2 };
  let starts = 0;
  const events: FleetEvents = {
    onUnhealthy: ({ id }) => sick.resolve(id),
    onReady: () => {
      starts += 1;
      if (starts === 2) replaced.resolve();
    },
  };
  const fleet = await start({ revision: revision({ livenessProbe }), instances: 1, events });
  const id = await ask(fleet, "/sick");
  expect(await sick.promise).toBe(id);
  await replaced.promise;
  expect(await ask(fleet)).not.toBe(id);
});

test("an instance that fails its readiness probe first, and its liveness probe then, is replaced", async () => {
  const told: string[] = [];
  const replaced = Promise.withResolvers<void>();
  const readinessProbe = { ...PROBE, periodSeconds: 0.05, failureThreshold: 1 };
  const livenessProbe = { ...PROBE, periodSeconds: 0.1, failureThreshold: 3 };
  let starts = 0;
  const fleet = await start({
    revision: revision({ readinessProbe, livenessProbe }),
    instances: 1,
    events: {
      onReadiness: ({ state }) => told.push(state),
      onUnhealthy: () => told.push("unhealthy"),
      onReady: () => {
        starts += 1;
        if (starts === 2) replaced.resolve();
      },
    },
  });
  const id = await ask(fleet, "/sick");
  await replaced.promise;
  expect(told).toEqual(["unready", "unhealthy"]);
  expect(await ask(fleet)).not.toBe(id);
});

test("a new revision takes over without losing a request", async () => {
  const fleet = await start();
  const before = ids(fleet);
  const slow = [ask(fleet, "/slow"), ask(fleet, "/slow"), ask(fleet, "/slow")];
  await fleet.roll(revision());
  for (const id of await Promise.all(slow)) expect(before).toContain(id);
  for (const id of await askAll(fleet)) expect(before).not.toContain(id);
  expect(fleet.instances()).toHaveLength(2);
});

test("a new revision takes over even if one of its instances is frozen meanwhile", async () => {
  let frozen: string | undefined;
  const events: FleetEvents = {
    onReady: ({ id }) => {
      if (rolling) frozen ??= fleet.freeze(id);
    },
  };
  let rolling = false;
  const fleet = await start({ events });
  const before = ids(fleet);
  rolling = true;
  await fleet.roll(revision());
  expect(frozen).toBeDefined();
  for (const id of ids(fleet)) expect(before).not.toContain(id);
  expect(fleet.instances()).toHaveLength(2);
});

test("a revision that does not get ready leaves the earlier one in place", async () => {
  const lines: string[] = [];
  const failed = new Map<unknown, string>();
  const fleet = await start({
    events: {
      onLine: (_instance, line) => lines.push(line),
      onStartFailed: (instance, { env }) => failed.set(instance, env.BROKEN ?? ""),
    },
  });
  const before = ids(fleet);
  const roll = fleet.roll(revision({ env: { BROKEN: "1" } }));
  await expect(roll).rejects.toMatchObject({ code: "REVISION_FAILED" });
  expect(lines).toContain("broken on purpose");
  expect([...failed.values()]).toEqual(["1", "1"]);
  expect(ids(fleet)).toEqual(before);
  expect(await askAll(fleet)).toEqual(before);
});

test("a fleet whose first revision does not get ready does not start", async () => {
  const broken = Fleet.start({ revision: revision({ env: { BROKEN: "1" } }), instances: 2 });
  await expect(broken).rejects.toMatchObject({ code: "REVISION_FAILED" });
});

test("an instance that takes too long to get ready is killed", async () => {
  const startupProbe = { ...PROBE, path: "/503", periodSeconds: 0.1, failureThreshold: 3 };
  const slow = Fleet.start({ revision: revision({ startupProbe }), instances: 1 });
  await expect(slow).rejects.toMatchObject({ code: "REVISION_FAILED" });
});

test("instances can be limited to CPU during requests", async () => {
  const fleet = await start({ revision: revision({ cpuIdle: true }) });
  for (let round = 0; round < 3; round++) {
    expect(await askAll(fleet)).toEqual(ids(fleet));
    await delay(5);
  }
  await ask(fleet, "/slow");
});

test("a taken port is an error", async () => {
  const { port } = await start({ instances: 1 });
  const second = Fleet.start({ revision: revision(), instances: 1, port });
  await expect(second).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("closing the fleet ends every process", async () => {
  const fleet = await start();
  fleet.freeze();
  const pids = fleet.instances().map(({ pid }) => pid ?? 0);
  await fleet.close();
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  await expect(fetch(`http://127.0.0.1:${fleet.port}/`)).rejects.toThrow();
});
