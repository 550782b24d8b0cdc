import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { InstanceView } from "./fleet.ts";

/** Where whoever runs this types: keys are listened to only on a terminal. */
export type Keyboard = Readable & { readonly isTTY?: boolean };

/** What the keys act on. */
export interface KeyTargets {
  readonly fleet: {
    instances(): readonly InstanceView[];
    add(): Promise<unknown>;
    kill(): Promise<void>;
  };
  readonly say: (message: string) => void;
  /** Told what an action failed with. */
  readonly fail: (error: unknown) => void;
  readonly end: () => Promise<void>;
}

export const KEYS = "Type a, then Enter, to add an instance; k to kill one; q to end.";

/** Does what is typed: a letter and Enter. Without a terminal nobody types, and it does nothing. */
export function obeyKeys(keyboard: Keyboard, targets: KeyTargets): void {
  if (!keyboard.isTTY) return;
  createInterface({ input: keyboard }).on("line", (line) => {
    act(line.trim(), targets).catch(targets.fail);
  });
}

async function act(key: string, { fleet, say, end }: KeyTargets): Promise<void> {
  if (key === "a") {
    await fleet.add();
  } else if (key === "k" && fleet.instances().length > 1) {
    const before = fleet.instances();
    await fleet.kill();
    const after = fleet.instances();
    const gone = before.filter((instance) => !after.includes(instance));
    say(`instance ${gone.map(({ id }) => id).join()} was killed; ${after.length} left`);
  } else if (key === "k") {
    say("the last instance stays; type a first");
  } else if (key === "q") {
    await end();
  } else if (key !== "") {
    say(KEYS);
  }
}
