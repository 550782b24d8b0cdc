import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Action, EndedModel, type Mutation, Violation } from "./endedModel.ts";

const choice = fc.nat(11);
const person = fc.nat(2);
const clockOffset = fc.constantFrom(-2, -1, 0, 1, 2);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("wait"), seconds: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("signIn"), instance: choice, person }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("request"), instance: choice, session: choice }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("signOut"), instance: choice, session: choice }),
  },
  fc.record({ do: fc.constant("everywhere"), instance: choice, person }),
  fc.record({
    do: fc.constant("operator"),
    person: fc.constantFrom(0, 1, 2, 6),
    clockOffset: fc.constantFrom(-60, 0, 60),
  }),
  fc.record({ do: fc.constant("scaleUp"), clockOffset }),
  fc.record({ do: fc.constant("scaleDown"), instance: choice }),
  fc.record({ do: fc.constant("others"), count: fc.constantFrom(1, 40, 1200) }),
  fc.record({ do: fc.constant("uploads"), take: fc.constantFrom(0, 0, 3, 12, 25) }),
  fc.record({
    do: fc.constant("fail"),
    rule: fc.record({
      fault: fc.constantFrom(
        "unreachable",
        "hang",
        "forbidden",
        "exhausted",
        "garbage",
        "lostAnswer",
      ),
      on: fc.constantFrom(["list"] as const, ["get"] as const, ["create"] as const, undefined),
      times: fc.constantFrom(1, 3, undefined),
    }),
  }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("heal") }) },
) as fc.Arbitrary<Action>;

async function run(actions: readonly Action[], mutation?: Mutation): Promise<EndedModel> {
  const model = new EndedModel(mutation);
  for (const each of actions) await model.apply(each);
  await model.settle();
  return model;
}

// ASVS 7.4.1, 7.4.5
test("in any run, ended sessions are refused in time, and no others are", async () => {
  const seen = { live: 0, ended: 0, signOuts: 0, everywhere: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 80 }), async (actions) => {
      const model = await run(actions);
      for (const [name, count] of Object.entries(model.seen))
        seen[name as keyof typeof seen] += count;
    }),
    // Fixed, so that the test never fails by chance.
    { numRuns: 40, seed: 20261128 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
}, 120_000);

/** A run for each mutation in which the mutated code violates the promise. */
const SCENARIOS: Record<Mutation, readonly Action[]> = {
  // An instance polls. Then another one, whose clock is slow, writes a mark with an older name.
  noOverlap: [
    { do: "signIn", instance: 1, person: 0 },
    { do: "wait", seconds: 30 },
    { do: "request", instance: 2, session: 0 },
    { do: "signOut", instance: 0, session: 0 },
    { do: "wait", seconds: 25 },
    { do: "request", instance: 2, session: 0 },
  ],
  // A user signs in again after signing out everywhere, and an old copy reaches a new instance.
  marksDeletedAtSignIn: [
    { do: "signIn", instance: 0, person: 0 },
    { do: "wait", seconds: 30 },
    { do: "everywhere", instance: 0, person: 0 },
    { do: "wait", seconds: 30 },
    { do: "signIn", instance: 0, person: 0 },
    { do: "scaleUp", clockOffset: 0 },
    { do: "wait", seconds: 30 },
    { do: "request", instance: 3, session: 0 },
  ],
  // A session older than the horizon is looked up, ends, and its mark is evicted.
  checkedAtIgnored: [
    { do: "signIn", instance: 0, person: 0 },
    { do: "wait", seconds: 30 },
    { do: "others", count: 70 },
    { do: "wait", seconds: 30 },
    { do: "request", instance: 1, session: 0 },
    { do: "wait", seconds: 30 },
    { do: "signOut", instance: 0, session: 0 },
    { do: "wait", seconds: 30 },
    { do: "others", count: 70 },
    { do: "wait", seconds: 30 },
    { do: "request", instance: 1, session: 0 },
    { do: "wait", seconds: 30 },
    { do: "request", instance: 1, session: 0 },
  ],
};

test.each([
  ["the overlap is 0", "noOverlap"],
  ["marks are deleted at sign-in", "marksDeletedAtSignIn"],
  ["the time at which a session was read is ignored", "checkedAtIgnored"],
] as const)("the model detects the mutation %s", async (_what, mutation) => {
  const scenario = SCENARIOS[mutation];
  await expect(run(scenario)).resolves.toBeDefined();
  await expect(run(scenario, mutation)).rejects.toThrow(Violation);
});
