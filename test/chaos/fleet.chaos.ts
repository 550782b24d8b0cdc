import { existsSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { application } from "../../service/application.ts";
import { DRAIN_MILLISECONDS } from "../../service/process/shutdown.ts";
import { createChance, seedFrom } from "../hostile/chance.ts";
import { LocalDeployment } from "../local/deployment.ts";
import { type Bundles, buildBundles } from "./bundles.ts";
import { type Asked, ask } from "./client.ts";
import { capacityInjector, cpuInjector, keyInjector } from "./injectors.ts";
import { KnownFaults } from "./knownFaults.ts";
import { Tally } from "./tally.ts";
import { type ActivityFactory, ChaosVisitor, NO_ACTIVITY, type VisitorDeps } from "./visitor.ts";

/** CHAOS_SEED repeats a run's random choices, but not their timing. */
const SEED = seedFrom(process.env.CHAOS_SEED);
/** Duration of the chaos in milliseconds; CHAOS_SECONDS changes it. */
const CHAOS = Number(process.env.CHAOS_SECONDS ?? 30) * 1_000;

const VISITORS = 16;
/** Number of visitors who sign in at the start and return at the end. */
const SLEEPERS = 4;
const INSTANCES = 3;

/** A new key signs after three seconds, and every instance has read it after two. */
const QUICK_KEYS = {
  KEY_ACTIVATION_DELAY: "3",
  KEY_REFRESH_INTERVAL: "1",
};

const lines: string[] = [];
const knownFaults = new KnownFaults();
let bundles: Bundles;
let deployment: LocalDeployment;

beforeAll(async () => {
  bundles = buildBundles();
  deployment = await LocalDeployment.start({
    archive: bundles.archive,
    instances: INSTANCES,
    env: QUICK_KEYS,
    events: () => ({
      onLine: (_instance, line) => lines.push(line),
      // On a busy machine an instance may fail its probe. Then it is killed.
      onUnhealthy: () => knownFaults.kill(),
    }),
  });
}, 180_000);

afterAll(async () => {
  await deployment?.close();
  bundles?.remove();
}, 60_000);

/**
 * Actions of visitors in the application: `activity.ts` in the folder with the application's name.
 */
async function readActivity(): Promise<ActivityFactory> {
  const file = join(import.meta.dirname, application.folder, "activity.ts");
  if (!existsSync(file)) return NO_ACTIVITY;
  const { createActivity } = (await import(file)) as { createActivity: ActivityFactory };
  return createActivity;
}

test("kills, scaling, deployments, rotations, freezes and outages lose no request and no session", async () => {
  const tally = new Tally(knownFaults);
  const chance = createChance(SEED);
  const deps: VisitorDeps = {
    site: deployment.url,
    chance,
    tally,
    knownFaults,
    activity: await readActivity(),
  };
  const arrive = (count: number) =>
    Promise.all(Array.from({ length: count }, () => ChaosVisitor.arrive(deps)));
  const sleepers = await arrive(SLEEPERS);
  const visitors = await arrive(VISITORS);

  const start = performance.now();
  const going = () => performance.now() - start < CHAOS;
  let working = true;
  const injecting = [capacityInjector, cpuInjector, keyInjector].map((injector, index) =>
    injector({ deployment, bundles, chance: createChance(SEED + 1 + index), knownFaults, tally })(
      going,
    ),
  );
  const stays = visitors.map((visitor) => visitor.stay(() => working));
  await Promise.all(injecting);
  working = false;
  await Promise.all(stays);

  // Waits for the recovery from an outage. All other faults must be over at once.
  await delay(knownFaults.keysWereOut(performance.now(), performance.now()) ? 4_000 : 0);
  for (const visitor of [...sleepers, ...visitors]) {
    for (const { port } of deployment.fleet.instances()) await visitor.check(port);
    visitor.leave();
  }

  const keys = new Set([...sleepers, ...visitors].map(({ session }) => keyOf(session)));
  process.stdout.write(
    `chaos: seed ${SEED}; ${tally.summary()}; at the end sessions of keys ${[...keys].sort()}\n`,
  );
  expect({ seed: SEED, lost: tally.lost }).toEqual({ seed: SEED, lost: [] });
  expect(Object.keys(knownFaults.counts).sort()).toEqual([
    "Secret Manager out",
    "crashed",
    "frozen",
    "killed",
    "lists behind",
    "rolled back",
    "rolled to a new bundle",
    "rotated",
    "scaled down",
    "scaled up",
    "sent SIGTERM",
  ]);
  expect(keys.size).toBeGreaterThan(1);
  expectDiscreetLog([...sleepers, ...visitors]);
}, 300_000);

/** The key that a session's cookie names: `v1.<kid>.<body>` inside cookie-session's JSON. */
function keyOf(cookie: string): string {
  const { sealed } = JSON.parse(Buffer.from(cookie, "base64").toString()) as { sealed: string };
  return sealed.split(".")[1] ?? "";
}

test("on SIGTERM an instance answers all accepted requests, and then exits at once", async () => {
  const tally = new Tally(knownFaults);
  const visitor = await ChaosVisitor.arrive({
    site: deployment.url,
    chance: createChance(SEED),
    tally,
    knownFaults,
    activity: NO_ACTIVITY,
  });
  const { port, pid = 0 } = await deployment.fleet.add();
  const agent = new Agent({ keepAlive: true });
  const cookie = `session=${visitor.session}`;
  // No such route, but the response comes only after the whole body.
  const slow: Asked = {
    method: "POST",
    path: "/api/nothing",
    headers: { cookie, "content-type": "application/json", "x-csrf-token": visitor.csrf },
    body: JSON.stringify({ text: "x".repeat(100) }),
    pace: 100,
  };
  // Idle keep-alive connections, as of a front end, and requests that take a second.
  await Promise.all(
    Array.from({ length: 10 }, () =>
      ask(port, agent, { path: application.api, headers: { cookie } }),
    ),
  );
  const accepted: Promise<void>[] = [];
  const sent = Array.from({ length: 30 }, () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    accepted.push(promise);
    return ask(port, agent, { ...slow, onContinue: resolve });
  });
  await Promise.all(accepted);
  process.kill(pid, "SIGTERM");
  const sentAt = performance.now();
  const outcomes = await Promise.all(sent);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ kind: "answer", status: 404 });
    const { body } = outcome as { body: Buffer };
    expect(JSON.parse(body.toString())).toMatchObject({ code: "not_found" });
  }
  const answeredAt = performance.now();
  expect(await ask(port, agent, { path: application.api })).toMatchObject({ kind: "cut" });
  while (deployment.fleet.instances().some((instance) => instance.pid === pid)) await delay(20);
  const endedAt = performance.now();
  const [took, lingered] = [answeredAt - sentAt, endedAt - answeredAt];
  process.stdout.write(
    `SIGTERM: 30 requests under way answered within ${took.toFixed(0)} ms; ended ${lingered.toFixed(0)} ms later\n`,
  );
  // If it waited for its idle connections, it would do so until then.
  expect(endedAt - sentAt).toBeLessThan(DRAIN_MILLISECONDS);
  expect(lines.filter((line) => line.includes("drain_timeout"))).toEqual([]);
  agent.destroy();
  visitor.leave();
}, 180_000);

/**
 * Errors that an instance may log while faults are injected. For one that was frozen, a time limit
 * has passed when it goes on: of what it read or wrote of the ended, too.
 */
const EXPECTED_ERRORS =
  /key_ring_stale|keys_not_ready|KEYS_UNAVAILABLE|"status":503|(?:ended_list_stale|ended_mark_unreadable|sign_out_not_written).*(?:did not answer within|due to timeout)/;

function expectDiscreetLog(visitors: readonly ChaosVisitor[]): void {
  const errors = lines.filter((line) => /"severity":"(?:ERROR|CRITICAL)"/.test(line));
  expect(errors.filter((line) => !EXPECTED_ERRORS.test(line))).toEqual([]);
  expect(lines.filter((line) => !line.startsWith("{"))).toEqual([]);
  const log = lines.join("\n");
  const { store } = deployment.secretManager.standIn;
  const [, project = "", , secret = ""] = deployment.secretKey.split("/");
  const { versions = [] } = store.list(project, secret, { filter: "", pageSize: 0, pageToken: "" });
  const payloads = versions.map(
    ({ name }) => store.access(project, secret, name.split("/").at(-1) ?? "").payload.data,
  );
  expect(payloads.length).toBeGreaterThan(1);
  for (const payload of payloads) {
    expect(log).not.toContain(payload);
    expect(log).not.toContain(Buffer.from(payload, "base64").toString());
  }
  for (const { session, csrf } of visitors) {
    expect(log).not.toContain(session.slice(40, 100));
    expect(log).not.toContain(csrf);
  }
}
