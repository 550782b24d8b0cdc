import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { createRestClient } from "../../service/google/restClient.ts";
import {
  createVersionStore,
  parseSecretReference,
  SECRET_MANAGER_API,
} from "../../service/google/secretVersions.ts";
import { planRotation } from "../../service/rotator/plan.ts";
import { rotate } from "../../service/rotator/rotate.ts";
import type { Chance } from "../hostile/chance.ts";
import type { LocalDeployment } from "../local/deployment.ts";
import type { InstanceView } from "../local/fleet.ts";
import type { Call, Fault } from "../local/secretManager/faults.ts";
import type { Bundles } from "./bundles.ts";
import type { KnownFaults } from "./knownFaults.ts";
import type { Tally } from "./tally.ts";

interface InjectorDeps {
  readonly deployment: LocalDeployment;
  readonly bundles: Bundles;
  readonly chance: Chance;
  readonly knownFaults: KnownFaults;
  readonly tally: Tally;
}

/** Injects its faults in random order, each at least once, until told to stop. */
type Injector = (going: () => boolean) => Promise<void>;

type Action = () => Promise<unknown>;

/** With this many healthy instances, none is removed before another one is added... */
const LEAST = 2;
/** ...and with this many none is added, because the machine has few cores. */
const MOST = 4;

/** Milliseconds within which a process must exit after SIGTERM. */
const ENDS_WITHIN = 12_000;

function injector(
  { chance, tally }: InjectorDeps,
  actions: Record<string, Action>,
  pause: number,
): Injector {
  return async function work(going) {
    let round = chance.shuffle(Object.keys(actions));
    for (let done = 0; going() || done < Object.keys(actions).length; done += 1) {
      if (round.length === 0) round = chance.shuffle(Object.keys(actions));
      const name = round.pop() ?? "";
      try {
        await actions[name]?.();
      } catch (error) {
        tally.lose(`the fault "${name}": ${String(error)}`);
      }
      await delay(pause * (0.5 + chance.next()));
    }
  };
}

/** Kills, crashes, drains, adds and replaces instances. */
export function capacityInjector(deps: InjectorDeps): Injector {
  const { deployment, bundles, chance, knownFaults, tally } = deps;
  const { fleet } = deployment;
  let rolled = false;

  function ready(): InstanceView[] {
    return fleet.instances().filter(({ state }) => state === "ready");
  }

  async function add(): Promise<void> {
    knownFaults.count("scaled up");
    await fleet.add();
  }

  /** Applies a fault to one instance, if enough others remain; otherwise adds one. */
  async function toOne(fault: string, deed: (victim: InstanceView) => unknown): Promise<void> {
    if (ready().length <= LEAST) await add();
    const victim = chance.pick(ready());
    knownFaults.count(fault);
    await deed(victim);
  }

  function drain(): Promise<void> {
    return toOne("scaled down", ({ id }) => fleet.drain(id));
  }

  async function roll(): Promise<void> {
    const archive = rolled ? bundles.archive.path : bundles.other;
    knownFaults.count(rolled ? "rolled back" : "rolled to a new bundle");
    await deployment.roll({ archive });
    rolled = !rolled;
    const style = await (await fetch(`${deployment.url}/static/style.css`)).text();
    if (style.includes(bundles.mark) !== rolled) tally.lose("the bundle is not the one deployed");
  }

  return injector(
    deps,
    {
      kill: () =>
        toOne("killed", ({ id }) => {
          knownFaults.kill();
          return fleet.kill(id);
        }),
      crash: () =>
        toOne("crashed", ({ id }) => {
          knownFaults.kill();
          return fleet.crash(id);
        }),
      drain,
      terminate: () =>
        toOne("sent SIGTERM", async ({ pid }) => {
          if (pid === undefined) return;
          knownFaults.terminate();
          process.kill(pid, "SIGTERM");
          await gone(fleet, pid);
        }),
      add: async () => {
        if (fleet.instances().length >= MOST) await drain();
        await add();
      },
      roll,
      rollBack: roll,
    },
    500,
  );
}

async function gone(fleet: LocalDeployment["fleet"], pid: number): Promise<void> {
  const deadline = performance.now() + ENDS_WITHIN;
  while (fleet.instances().some((instance) => instance.pid === pid)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} does not end`);
    await delay(20);
  }
}

/** Freezes instances for a while. */
export function cpuInjector(deps: InjectorDeps): Injector {
  const { deployment, chance, knownFaults } = deps;
  const { fleet } = deployment;

  async function freeze(): Promise<void> {
    const ready = fleet.instances().filter(({ state }) => state === "ready");
    if (ready.length < LEAST) return;
    const { id } = chance.pick(ready);
    const frozenAt = performance.now();
    fleet.freeze(id);
    knownFaults.count("frozen");
    await delay(300 + chance.below(3_000));
    knownFaults.thaw(frozenAt);
    if (fleet.instances().some((instance) => instance.id === id)) fleet.thaw(id);
  }

  return injector(deps, { freeze }, 700);
}

const OUTAGES: readonly Fault[] = [
  "unreachable",
  "hang",
  "unauthenticated",
  "forbidden",
  "exhausted",
  "internal",
  "unavailable",
  "garbage",
  "nonsense",
  "proxy404",
  "wrongChecksum",
];
const READINGS: readonly Call[] = ["list", "get", "access"];

/** Rotates keys, and makes Secret Manager fail. */
export function keyInjector(deps: InjectorDeps): Injector {
  const { deployment, chance, knownFaults } = deps;
  const { secretManager } = deployment;
  const secret = parseSecretReference(deployment.secretKey);
  if (secret === undefined) throw new Error(`${deployment.secretKey} is no secret.`);
  const client = createRestClient({
    api: SECRET_MANAGER_API,
    endpoint: secretManager.url,
    timeout: 5,
  });
  const store = createVersionStore(client, secret);

  /** Rotates as `npm run rotate` does. */
  async function rotation(): Promise<void> {
    knownFaults.count("rotated");
    const { versions, now } = await store.read();
    const policy = { activationDelay: 3, sessionLifetime: 604_800, minimumAge: 0 };
    await rotate(planRotation(versions, policy, now, "planned"), { store, random: randomBytes });
  }

  async function outage(atLeast = 1_000): Promise<void> {
    const fault = chance.pick(OUTAGES);
    const some = chance.shuffle(READINGS).slice(0, 1 + chance.below(2));
    knownFaults.count("Secret Manager out");
    const end = knownFaults.outage();
    secretManager.standIn.fail({ fault, ...(chance.below(3) === 0 && { on: some }) });
    await delay(atLeast + chance.below(3_000));
    secretManager.standIn.heal();
    end();
  }

  /** Starts an outage when only some instances have read the new key. */
  async function rotationBeforeOutage(): Promise<void> {
    await rotation();
    await delay(chance.below(600));
    await outage(3_500);
  }

  async function lag(): Promise<void> {
    knownFaults.count("lists behind");
    secretManager.standIn.setLag(5 + chance.below(3_600));
    await rotation();
    await delay(2_000 + chance.below(3_000));
    secretManager.standIn.setLag(0);
  }

  return injector(deps, { rotation, outage: () => outage(), rotationBeforeOutage, lag }, 500);
}
