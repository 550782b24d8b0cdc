import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { LocalDeployment } from "../local/deployment.ts";
import { FleetLoad } from "./fleetLoad.ts";
import { QUICK_ROTATION, rotateDeployment } from "./rotateDeployment.ts";
import { drawRotation, type Run } from "./rotationDrawing.ts";

/**
 * `node test/system/rotationPicture.ts FILE.svg`: draws what happens to people who use the site
 * while its key is rotated, an instance is killed and another one freezes. Every number in the
 * picture was measured in that run.
 */
const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write("Name the file: node test/system/rotationPicture.ts rotation.svg\n");
  process.exit(2);
}
const run = await measure();
writeFileSync(file, drawRotation(run));
const counts = new Map<number, number>();
for (const { status } of run.answers) counts.set(status, (counts.get(status) ?? 0) + 1);
process.stdout.write(
  `${file}: ${[...counts].map(([status, n]) => `${n} × ${status}`).join(", ")}\n`,
);

async function measure(): Promise<Run> {
  const duration = 24;
  const deployment = await LocalDeployment.start({ instances: 3, env: QUICK_ROTATION });
  const { fleet } = deployment;
  try {
    const load = await FleetLoad.start(deployment.url, { users: 16, pause: 100, saveEvery: 10 });
    // What processes are slow at when they are new is not what is to be seen.
    await delay(2000);
    const begin = performance.now();
    const now = () => (performance.now() - begin) / 1000;
    const rotations: Run["rotations"][number][] = [];
    const kills: number[] = [];
    const freezes: Run["freezes"][number][] = [];
    let frozen = "";
    const rotate = async () => {
      const at = now();
      rotations.push({ at, kid: String(await rotateDeployment(deployment, "--again")) });
    };
    const schedule: [number, () => unknown][] = [
      [2, rotate],
      [6.5, rotate],
      [8.5, () => kills.push(now()) && fleet.crash()],
      [11.5, rotate],
      [
        13,
        () => {
          frozen = fleet.freeze();
          freezes.push({ from: now(), to: duration });
        },
      ],
      [
        17,
        () => {
          fleet.thaw(frozen);
          freezes[0] = { from: freezes[0]?.from ?? 0, to: now() };
        },
      ],
      [18, rotate],
      [duration, () => undefined],
    ];
    for (const [at, act] of schedule) {
      await delay(Math.max(0, (at - now()) * 1000));
      await act();
    }
    const answers = (await load.stop())
      .map(({ at, status, kid }) => ({ at: (at - begin) / 1000, status, kid }))
      .filter(({ at }) => at >= 0 && at < duration);
    const activationDelay = Number(QUICK_ROTATION.KEY_ACTIVATION_DELAY);
    return { duration, answers, rotations, kills, freezes, activationDelay };
  } finally {
    await deployment.close();
  }
}
