import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FAULTS } from "../local/secretManager/faults.ts";
import { CASES } from "./rotationCases.ts";
import { type Action, EVERYTHING_RETIRED, RotationModel } from "./rotationModel.ts";

/** Number of runs; ROTATION_MODEL_RUNS changes it, and ROTATION_MODEL_SEED repeats a run. */
const RUNS = Number(process.env.ROTATION_MODEL_RUNS ?? 40);
const SEED = Number(process.env.ROTATION_MODEL_SEED ?? Date.now() % 2 ** 31);

const choice = fc.nat({ max: 11 });
const kids = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 99_999 })),
  {
    minLength: 1,
    maxLength: 25,
  },
);
const rule = fc.record(
  {
    fault: fc.constantFrom(...FAULTS),
    on: fc.subarray(["list", "get", "access", "add", "disable", "destroy"] as const, {
      minLength: 1,
    }),
    times: fc.integer({ min: 1, max: 6 }),
  },
  { requiredKeys: ["fault"] },
);

function action<Kind extends Action["do"]>(kind: Kind, rest: object = {}): fc.Arbitrary<Action> {
  return fc.record({ do: fc.constant(kind), ...rest }) as fc.Arbitrary<Action>;
}

const actions = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: action("wait", {
        seconds: fc.constantFrom(1, 5, 30, 61, 130, 1000, 1801, 7200, 86_400, EVERYTHING_RETIRED),
      }),
    },
    { weight: 5, arbitrary: action("signIn", { instance: choice }) },
    { weight: 8, arbitrary: action("request", { instance: choice, session: choice }) },
    { weight: 5, arbitrary: action("rotate", { reason: fc.constant("planned") }) },
    { weight: 1, arbitrary: action("rotate", { reason: fc.constant("compromised") }) },
    { weight: 1, arbitrary: action("disable", { version: choice }) },
    { weight: 1, arbitrary: action("destroy", { version: choice }) },
    { weight: 2, arbitrary: action("scaleUp") },
    { weight: 1, arbitrary: action("scaleDown", { instance: choice }) },
    { weight: 3, arbitrary: action("freeze", { instance: choice }) },
    { weight: 3, arbitrary: action("thaw", { instance: choice }) },
    { weight: 2, arbitrary: action("fail", { rule }) },
    { weight: 2, arbitrary: action("heal") },
    { weight: 2, arbitrary: action("lag", { seconds: fc.constantFrom(0, 60, 3600, 1e9) }) },
    { weight: 2, arbitrary: action("attack", { instance: choice, kids }) },
  ),
  { minLength: 10, maxLength: 60, size: "max" },
);

// ASVS 11.1.1
test("in any run, no valid session is refused, and no revoked one is accepted past its bound", async () => {
  const seen: Record<string, number> = {};
  const property = fc.asyncProperty(actions, async (steps) => {
    const model = await runModel(steps);
    for (const [what, count] of Object.entries(model.seen)) {
      seen[what] = (seen[what] ?? 0) + count;
    }
  });
  try {
    await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: false });
  } catch (error) {
    throw new Error(`Repeat with ROTATION_MODEL_SEED=${SEED}`, { cause: error });
  }
  console.log(`seed ${SEED}, ${RUNS} runs: ${JSON.stringify(seen)}`);
}, 3_600_000);

test("one run has each outcome, because some are rare in random runs", async () => {
  const model = await runModel([
    { do: "signIn", instance: 0 },
    { do: "freeze", instance: 1 },
    { do: "rotate", reason: "planned" },
    { do: "wait", seconds: 1801 },
    { do: "signIn", instance: 0 },
    { do: "fail", rule: { fault: "unreachable" } },
    // A request with a session whose key it doesn't know.
    { do: "thaw", instance: 0 },
    { do: "heal" },
    { do: "attack", instance: 0, kids: [5] },
    { do: "rotate", reason: "compromised" },
    { do: "wait", seconds: 130 },
    { do: "request", instance: 0, session: 0 },
    { do: "signIn", instance: 0 },
    { do: "wait", seconds: EVERYTHING_RETIRED },
    { do: "request", instance: 0, session: 2 },
  ]);
  expect(Object.entries(model.seen).filter(([, count]) => count === 0)).toEqual([]);
});

test.each(Object.entries(CASES))(
  "the promise holds in a recorded run that once violated it: %s",
  async (_what, steps) => {
    await runModel(steps);
  },
);

async function runModel(steps: readonly Action[]): Promise<RotationModel> {
  const model = new RotationModel();
  await model.start();
  for (const step of steps) await model.apply(step);
  await model.settle();
  return model;
}
