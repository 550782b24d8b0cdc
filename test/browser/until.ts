import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds until a test gives up waiting, which only a failure does, also on a busy machine. */
export const PATIENCE = 60_000;
const PAUSE = 25;

/** Polls a condition every 25 ms until it holds; throws after PATIENCE. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${PATIENCE} ms: ${holds}`);
    await delay(PAUSE);
  }
}
