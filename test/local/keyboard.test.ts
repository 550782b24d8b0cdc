import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import type { InstanceView } from "./fleet.ts";
import { handleKeys, KEYS, regionKeys } from "./keyboard.ts";

/** A keyboard with fake regions; `done` has the actions, in order. */
function bench({ isTTY = true, instances = 2, regions = ["europe-west1"] } = {}) {
  const keyboard = Object.assign(new PassThrough(), { isTTY });
  const done: string[] = [];
  let count = 0;
  const make = (): InstanceView => ({ id: `i${++count}`, pid: 1, port: 1, state: "ready" });
  const all = regions.map((name) => {
    let fleet = Array.from({ length: instances }, make);
    return {
      name,
      away: false,
      fleet: {
        instances: () => [...fleet],
        async add() {
          if (fleet.length === 3) throw new Error("no more");
          fleet = [...fleet, make()];
          done.push(`added in ${name}`);
        },
        async kill() {
          fleet = fleet.slice(1);
          done.push(`killed in ${name}`);
        },
      },
    };
  });
  handleKeys(keyboard, {
    regions: {
      all,
      get serving() {
        return all.find(({ away }) => !away);
      },
      async lose(region) {
        region.away = true;
      },
      async bringBack(region) {
        region.away = false;
      },
    },
    say: (message) => done.push(message),
    fail: (error) => done.push(String(error)),
    end: async () => void done.push("ended"),
  });
  return {
    async endInput() {
      keyboard.end();
      await new Promise(setImmediate);
      return done;
    },
    async type(...lines: string[]) {
      for (const line of lines) {
        keyboard.write(`${line}\n`);
        await new Promise(setImmediate);
      }
      return done;
    },
  };
}

const TWO = ["europe-west1", "us-central1"];

test("a adds an instance, k kills one and prints its name, and q quits", async () => {
  expect(await bench().type("a", " k ", "q")).toEqual([
    "added in europe-west1",
    "killed in europe-west1",
    "instance i1 was killed; 2 left",
    "ended",
  ]);
});

test("the last instance is not killed", async () => {
  expect(await bench({ instances: 1 }).type("k")).toEqual([
    "the last instance is not killed; type a first",
  ]);
});

test("Ctrl-D ends the run, and the end of a file that is no terminal does not", async () => {
  expect(await bench().endInput()).toEqual(["ended"]);
  expect(await bench({ isTTY: false }).endInput()).toEqual([]);
});

test("another key prints the keys, and Enter alone prints nothing", async () => {
  expect(await bench().type("x", "")).toEqual([KEYS]);
});

test("a failed action is printed, and the keys keep working", async () => {
  expect(await bench({ instances: 3 }).type("a", "q")).toEqual(["Error: no more", "ended"]);
});

test("without a terminal input is ignored", async () => {
  expect(await bench({ isTTY: false }).type("a", "q")).toEqual([]);
});

test("a region's name or number takes it away, and brings it back", async () => {
  expect(await bench({ regions: TWO }).type("us-central1", "2", "1", "europe-west1")).toEqual([
    "us-central1 is taken away; type its name or number to bring it back",
    "us-central1 starts again",
    "us-central1 is back",
    "europe-west1 is taken away; type its name or number to bring it back",
    "europe-west1 starts again",
    "europe-west1 is back",
  ]);
});

test("a and k act on the serving region, and do nothing if all are away", async () => {
  expect(await bench({ regions: TWO }).type("1", "a", "k", "2", "a", "k")).toEqual([
    "europe-west1 is taken away; type its name or number to bring it back",
    "added in us-central1",
    "killed in us-central1",
    "instance i3 was killed; 2 left",
    "us-central1 is taken away; type its name or number to bring it back",
    "all regions are away; type the name or number of one to bring it back",
    "all regions are away; type the name or number of one to bring it back",
  ]);
});

test("with several regions, another key prints their names and numbers", async () => {
  const keys = regionKeys([{ name: "europe-west1" }, { name: "us-central1" }]);
  expect(keys).toContain("1 for europe-west1, 2 for us-central1");
  expect(await bench({ regions: TWO }).type("3")).toEqual([KEYS, keys]);
});

test("a single region can't be taken away", async () => {
  expect(await bench().type("1", "europe-west1")).toEqual([KEYS, KEYS]);
});
