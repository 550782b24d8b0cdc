import type { Action } from "./rotationModel.ts";

/** Runs of the model that went wrong once, by what went wrong. */
export const CASES: Readonly<Record<string, readonly Action[]>> = {
  "a key signs whose retirement could not be read, after the key that retired it was destroyed": [
    { do: "signIn", instance: 0 },
    { do: "rotate", occasion: "planned" },
    { do: "wait", seconds: 130 },
    { do: "freeze", instance: 0 },
    { do: "wait", seconds: 693_000 },
    { do: "rotate", occasion: "planned" },
    { do: "fail", rule: { fault: "unavailable", times: 1 } },
    { do: "lag", seconds: 1e9 },
    { do: "fail", rule: { fault: "hang", on: ["access"], times: 4 } },
    { do: "thaw", instance: 0 },
    { do: "destroy", version: 0 },
    { do: "signIn", instance: 1 },
  ],
  "a new key signs on an instance that can't read the one that signs": [
    { do: "rotate", occasion: "planned" },
    { do: "fail", rule: { fault: "exhausted", on: ["access", "disable"], times: 4 } },
    { do: "fail", rule: { fault: "unreachable", on: ["add"] } },
    { do: "lag", seconds: 60 },
    { do: "attack", instance: 0, kids: [1] },
    { do: "scaleUp" },
    { do: "freeze", instance: 0 },
    { do: "rotate", occasion: "compromised" },
    { do: "wait", seconds: 1 },
    { do: "signIn", instance: 11 },
  ],
};
