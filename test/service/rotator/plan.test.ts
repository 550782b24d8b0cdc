import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  chooseSigner,
  isAccepted,
  type KeyVersion,
  RETIREMENT_MARGIN,
  type VersionState,
} from "../../../service/keys/keyRing.ts";
import {
  newVersionSignsFrom,
  planRotation,
  type RotationPolicy,
  type Step,
} from "../../../service/rotator/plan.ts";

const NOW = 100_000_000;
const DAY = 86_400;
const POLICY: RotationPolicy = {
  activationDelay: 1800,
  sessionLifetime: 7 * DAY,
  minimumAge: 3600,
};

function version(number: number, age: number, rest: Partial<KeyVersion> = {}): KeyVersion {
  return { version: number, state: "ENABLED", createTime: NOW - age, ...rest };
}

function steps(plan: { readonly steps: readonly Step[] }): string[] {
  return plan.steps.map((step) =>
    step.action === "add" ? "add" : `${step.action} ${step.version.version}`,
  );
}

/** The versions after a step. */
function afterStep(versions: readonly KeyVersion[], step: Step, now: number): KeyVersion[] {
  if (step.action === "add") {
    const newest = Math.max(0, ...versions.map(({ version }) => version));
    return [...versions, { version: newest + 1, state: "ENABLED", createTime: now }];
  }
  const state: VersionState = step.action === "disable" ? "DISABLED" : "DESTROYED";
  return versions.map((one) => (one.version === step.version.version ? { ...one, state } : one));
}

const policies: fc.Arbitrary<RotationPolicy> = fc.record({
  activationDelay: fc.integer({ min: 1, max: DAY }),
  sessionLifetime: fc.integer({ min: 1, max: 30 * DAY }),
  minimumAge: fc.constantFrom(1, 3600, 10 * DAY),
});

/** Any possible versions: consecutive numbers, higher ones never older, in any order. */
const secretsUnder = ({ activationDelay, sessionLifetime }: RotationPolicy) =>
  fc
    .array(
      fc.record({
        state: fc.constantFrom<VersionState>("ENABLED", "ENABLED", "DISABLED", "DESTROYED"),
        age: fc.oneof(
          fc.integer({ min: 0, max: 2 * DAY }),
          fc.integer({ min: 0, max: 90 * DAY }),
          // Ages at which the plan changes.
          fc
            .tuple(
              fc.constantFrom(0, sessionLifetime, sessionLifetime + RETIREMENT_MARGIN),
              fc.integer({ min: -2, max: 2 }),
            )
            .map(([span, off]) => Math.max(0, activationDelay + span + off)),
        ),
        leaving: fc.boolean(),
      }),
      { maxLength: 12 },
    )
    .map((all) => {
      const ages = all.map(({ age }) => age).toSorted((a, b) => b - a);
      return all.map(({ state, leaving }, index) =>
        version(index + 1, ages[index] ?? 0, {
          state,
          ...(state === "DISABLED" && leaving && { scheduledDestroyTime: NOW + DAY }),
        }),
      );
    })
    .chain((versions) => fc.shuffledSubarray(versions, { minLength: versions.length }));

const secrets = secretsUnder(POLICY);
const secretsAndPolicies = policies.chain((policy) =>
  fc.tuple(secretsUnder(policy), fc.constant(policy)),
);

/** The enabled versions that can have sealed a session that is still valid. */
function needed(versions: readonly KeyVersion[], policy: RotationPolicy): Set<number> {
  const enabled = versions.filter(isAccepted);
  // Instances may learn of a version late, and their clocks may be off.
  const since = NOW - policy.sessionLifetime - RETIREMENT_MARGIN;
  const turns = enabled.flatMap(({ createTime }) => [
    createTime,
    createTime + policy.activationDelay,
  ]);
  const times = [since, ...turns.filter((time) => time > since && time <= NOW), NOW];
  const signers = times.map((time) => {
    const existing = enabled.filter(({ createTime }) => createTime <= time);
    return chooseSigner(existing, policy, time)?.version;
  });
  return new Set(signers.filter((number) => number !== undefined));
}

describe("a planned rotation", () => {
  test("adds the first version of a secret", () => {
    expect(planRotation([], POLICY, NOW, "planned")).toEqual({
      steps: [{ action: "add" }],
      alreadyAdded: undefined,
    });
  });

  test("adds a version, and then destroys those that no session needs", () => {
    const versions = [version(1, 60 * DAY), version(2, 30 * DAY), version(3, 9 * DAY)];
    expect(steps(planRotation(versions, POLICY, NOW, "planned"))).toEqual([
      "add",
      "destroy 2",
      "destroy 1",
    ]);
  });

  test("adds none if the newest is younger than the minimum age, and names it", () => {
    const young = [version(1, 5 * DAY), version(2, 3599)];
    expect(planRotation(young, POLICY, NOW, "planned")).toEqual({
      steps: [],
      alreadyAdded: young[1],
    });
    const old = [version(1, 5 * DAY), version(2, 3600)];
    expect(steps(planRotation(old, POLICY, NOW, "planned"))).toEqual(["add"]);
  });

  test("destroys old versions even if it adds none", () => {
    const versions = [version(1, 60 * DAY), version(2, 30 * DAY), version(3, 60)];
    expect(steps(planRotation(versions, POLICY, NOW, "planned"))).toEqual(["destroy 1"]);
  });

  test("adds one if the newest version is disabled, however young it is", () => {
    const versions = [version(1, 5 * DAY), version(2, 60, { state: "DISABLED" })];
    expect(steps(planRotation(versions, POLICY, NOW, "planned"))).toEqual(["add"]);
  });

  test("treats a version from the future as new", () => {
    // The server's time has whole seconds, and a version's creation time has fractions.
    const versions = [version(1, -0.9)];
    expect(planRotation(versions, POLICY, NOW, "planned").alreadyAdded).toEqual(versions[0]);
  });

  test("always adds one if the minimum age is zero", () => {
    const policy = { ...POLICY, minimumAge: 0 };
    for (const age of [-0.9, 0, 0.1, 3600]) {
      expect(steps(planRotation([version(1, age)], policy, NOW, "planned"))).toEqual(["add"]);
    }
  });

  test("never destroys a version that a session could need, nor the signing one", () => {
    fc.assert(
      fc.property(secretsAndPolicies, ([versions, policy]) => {
        const plan = planRotation(versions, policy, NOW, "planned");
        const needs = needed(versions, policy);
        for (const step of plan.steps) {
          expect(step.action).not.toBe("disable");
          if (step.action === "destroy") expect(needs).not.toContain(step.version.version);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("leaves sessions working after any of its steps", () => {
    fc.assert(
      fc.property(secretsAndPolicies, ([versions, policy]) => {
        const needs = needed(versions, policy);
        let current: KeyVersion[] = versions;
        for (const step of planRotation(versions, policy, NOW, "planned").steps) {
          current = afterStep(current, step, NOW);
          const accepted = current.filter(isAccepted).map(({ version }) => version);
          expect(accepted).toEqual(expect.arrayContaining([...needs]));
          expect(accepted).not.toEqual([]);
        }
      }),
    );
  });

  test("is complete after one run: a second plan within the minimum age has no steps", () => {
    fc.assert(
      fc.property(secretsAndPolicies, ([versions, policy]) => {
        let current: KeyVersion[] = versions;
        for (const step of planRotation(versions, policy, NOW, "planned").steps) {
          current = afterStep(current, step, NOW);
        }
        expect(planRotation(current, policy, NOW, "planned").steps).toEqual([]);
        const lastAdded = Math.max(...current.filter(isAccepted).map((one) => one.createTime));
        const later = lastAdded + policy.minimumAge;
        expect(steps(planRotation(current, policy, later - 1, "planned"))).not.toContain("add");
        expect(steps(planRotation(current, policy, later, "planned"))).toContain("add");
      }),
    );
  });
});

describe("a rotation after a leak", () => {
  test("adds a version, and then disables all others", () => {
    const versions = [
      version(1, 60 * DAY, { state: "DESTROYED" }),
      version(2, 30 * DAY, { state: "DISABLED" }),
      version(3, 5 * DAY),
      version(4, 60),
    ];
    expect(planRotation(versions, POLICY, NOW, "compromised").alreadyAdded).toBeUndefined();
    expect(steps(planRotation(versions, POLICY, NOW, "compromised"))).toEqual([
      "add",
      "disable 4",
      "disable 3",
    ]);
  });

  test("leaves only the new version enabled, and destroys none", () => {
    fc.assert(
      fc.property(secretsAndPolicies, ([versions, policy]) => {
        const plan = planRotation(versions, policy, NOW, "compromised");
        let current: KeyVersion[] = versions;
        for (const step of plan.steps) {
          expect(step.action).not.toBe("destroy");
          current = afterStep(current, step, NOW);
          expect(current.filter(isAccepted)).not.toEqual([]);
        }
        expect(current.filter(isAccepted).map(({ version }) => version)).toEqual([
          versions.length + 1,
        ]);
      }),
    );
  });

  test("never disables the newest version, even if several rotations run concurrently", () => {
    fc.assert(
      fc.property(secrets, fc.integer({ min: 2, max: 4 }), (versions, runs) => {
        const plan = planRotation(versions, POLICY, NOW, "compromised");
        let current: KeyVersion[] = versions;
        // All read the same versions, and each runs its first step before any runs its second.
        for (const [index, step] of plan.steps.entries()) {
          for (let run = 0; run < runs; run += 1) {
            const done = index > 0 && run > 0;
            current = done ? current : afterStep(current, step, NOW);
          }
        }
        const newest = current.find(({ version }) => version === versions.length + runs);
        expect(newest?.state).toBe("ENABLED");
      }),
    );
  });
});

test("a plan has at most one step for each version, and none for a destroyed one", () => {
  fc.assert(
    fc.property(
      secretsAndPolicies,
      fc.constantFrom("planned" as const, "compromised" as const),
      ([versions, policy], reason) => {
        const plan = planRotation(versions, policy, NOW, reason);
        const named = plan.steps.flatMap((step) => (step.action === "add" ? [] : [step.version]));
        expect(new Set(named.map(({ version }) => version)).size).toBe(named.length);
        for (const { state, scheduledDestroyTime } of named) {
          expect(state).not.toBe("DESTROYED");
          expect(scheduledDestroyTime).toBeUndefined();
        }
        const adds = plan.steps.map(({ action }) => action === "add");
        expect(adds.slice(1)).not.toContain(true);
        const sorted = versions.toSorted((a, b) => a.version - b.version);
        expect(planRotation(sorted, policy, NOW, reason)).toEqual(plan);
      },
    ),
  );
});

test("a new version signs after the activation delay, or at once if it is the only one", () => {
  const signsFrom = (...[versions, reason]: [KeyVersion[], "planned" | "compromised"]) =>
    newVersionSignsFrom(versions, POLICY, NOW, reason) - NOW;
  expect(signsFrom([version(1, 5 * DAY)], "planned")).toBe(1800);
  expect(signsFrom([version(1, 5 * DAY)], "compromised")).toBe(0);
  expect(signsFrom([version(1, 5 * DAY, { state: "DISABLED" })], "planned")).toBe(0);
  expect(signsFrom([], "planned")).toBe(0);
});
