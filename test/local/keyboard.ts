import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { InstanceView } from "./fleet.ts";

/** Standard input. Keys are read only from a terminal. */
type Keyboard = Readable & { readonly isTTY?: boolean };

/** The parts of a region that the keys use. */
interface KeyRegion {
  readonly name: string;
  readonly away: boolean;
  readonly fleet: {
    instances(): readonly InstanceView[];
    add(): Promise<unknown>;
    kill(): Promise<void>;
  };
}

/** What the keys act on. */
interface KeyTargets<Region extends KeyRegion = KeyRegion> {
  readonly regions: {
    readonly all: readonly Region[];
    /** The region in which a and k act; undefined if all are away. */
    readonly serving: Region | undefined;
    lose(region: Region): Promise<void>;
    bringBack(region: Region): Promise<void>;
  };
  readonly say: (message: string) => void;
  /** Called with the error of a failed action. */
  readonly fail: (error: unknown) => void;
  readonly end: () => Promise<void>;
}

/** The keys, for the user. */
export const KEYS = "Type a, then Enter, to add an instance; k to kill one; q to end.";

/** The keys of regions, for the user. */
export function regionKeys(regions: readonly { readonly name: string }[]): string {
  const numbered = regions.map(({ name }, index) => `${index + 1} for ${name}`).join(", ");
  return `Type a region's name or number, ${numbered}, to take it away and to bring it back.`;
}

/** Acts on typed lines, and ends at the end of input (Ctrl-D). Ignores input from a pipe or file. */
export function handleKeys<Region extends KeyRegion>(
  keyboard: Keyboard,
  targets: KeyTargets<Region>,
): void {
  if (!keyboard.isTTY) return;
  createInterface({ input: keyboard })
    .on("line", (line) => {
      act(line.trim(), targets).catch(targets.fail);
    })
    .on("close", () => void targets.end());
}

async function act<Region extends KeyRegion>(
  key: string,
  { regions, say, end }: KeyTargets<Region>,
): Promise<void> {
  const { all, serving } = regions;
  const several = all.length > 1;
  const named = all.find(({ name }, index) => key === name || key === String(index + 1));
  if (several && named?.away) {
    say(`${named.name} starts again`);
    await regions.bringBack(named);
    say(`${named.name} is back`);
  } else if (several && named !== undefined) {
    say(`${named.name} is taken away; type its name or number to bring it back`);
    await regions.lose(named);
  } else if (key === "a" || key === "k") {
    if (serving === undefined)
      say("all regions are away; type the name or number of one to bring it back");
    else if (key === "a") await serving.fleet.add();
    else await killOne(serving, say);
  } else if (key === "q") {
    await end();
  } else if (key !== "") {
    say(KEYS);
    if (several) say(regionKeys(all));
  }
}

async function killOne({ fleet }: KeyRegion, say: KeyTargets["say"]): Promise<void> {
  const before = fleet.instances();
  if (before.length <= 1) return say("the last instance is not killed; type a first");
  await fleet.kill();
  const after = fleet.instances();
  const gone = before.filter((instance) => !after.includes(instance));
  say(`instance ${gone.map(({ id }) => id).join()} was killed; ${after.length} left`);
}
