import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";

interface SideChannel {
  assert(key: unknown): void;
  delete(key: unknown): boolean;
  get(key: unknown): unknown;
  has(key: unknown): boolean;
  set(key: unknown, value: unknown): void;
}

const load = createRequire(__filename);
const createLean: () => SideChannel = load("../../../service/lean/sideChannel.cjs");
const createWhole: () => SideChannel = load("side-channel");

const KEYS = [{}, {}, [], () => 1, "key", 1, null, undefined, Symbol("key")];
const step = fc.record({
  call: fc.constantFrom("assert", "delete", "get", "has", "set"),
  key: fc.constantFrom(...KEYS),
  value: fc.nat(),
});

test("whatever is done to it, it answers like side-channel", () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const lean = createLean();
      const whole = createWhole();
      for (const { call, key, value } of steps) {
        const act = (channel: SideChannel) => {
          if (call === "set") return channel.set(key, value);
          if (call !== "assert") return channel[call as "get"](key);
          try {
            channel.assert(key);
            return "there";
          } catch (error) {
            return (error as Error).name;
          }
        };
        expect(act(lean)).toBe(act(whole));
      }
    }),
  );
});
