import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import type { InstanceView } from "./fleet.ts";
import { KEYS, obeyKeys } from "./keyboard.ts";

/** A keyboard over a fleet that is only a list; `done` has what happened, in order. */
function bench({ isTTY = true, instances = 2 } = {}) {
  const keyboard = Object.assign(new PassThrough(), { isTTY });
  const done: string[] = [];
  let count = 0;
  const make = (): InstanceView => ({ id: `i${++count}`, pid: 1, port: 1, state: "ready" });
  let fleet = Array.from({ length: instances }, make);
  obeyKeys(keyboard, {
    fleet: {
      instances: () => [...fleet],
      async add() {
        if (fleet.length === 3) throw new Error("no more");
        fleet = [...fleet, make()];
        done.push("added");
      },
      async kill() {
        fleet = fleet.slice(1);
        done.push("killed");
      },
    },
    say: (message) => done.push(message),
    fail: (error) => done.push(String(error)),
    end: async () => void done.push("ended"),
  });
  return {
    async type(...lines: string[]) {
      for (const line of lines) {
        keyboard.write(`${line}\n`);
        await new Promise(setImmediate);
      }
      return done;
    },
  };
}

test("a adds an instance, k kills one and says which, q ends", async () => {
  expect(await bench().type("a", " k ", "q")).toEqual([
    "added",
    "killed",
    "instance i1 was killed; 2 left",
    "ended",
  ]);
});

test("the last instance stays", async () => {
  expect(await bench({ instances: 1 }).type("k")).toEqual([
    "the last instance stays; type a first",
  ]);
});

test("another key tells the keys, and Enter alone tells nothing", async () => {
  expect(await bench().type("x", "")).toEqual([KEYS]);
});

test("an action that fails is told, and the keys go on", async () => {
  expect(await bench({ instances: 3 }).type("a", "q")).toEqual(["Error: no more", "ended"]);
});

test("without a terminal nothing is listened to", async () => {
  expect(await bench({ isTTY: false }).type("a", "q")).toEqual([]);
});
