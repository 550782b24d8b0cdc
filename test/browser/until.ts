import { setTimeout as delay } from "node:timers/promises";

const PATIENCE = 10_000;
const PAUSE = 25;

/** Polls a condition every 25 ms until it holds; throws after ten seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${PATIENCE} ms: ${holds}`);
    await delay(PAUSE);
  }
}
