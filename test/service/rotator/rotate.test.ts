import { describe, expect, test } from "@jest/globals";
import { MIN_SECRET_LENGTH } from "../../../service/keys/sessionKeys.ts";
import { planRotation, type RotationReason } from "../../../service/rotator/plan.ts";
import { RotationError, rotate, type StepResult } from "../../../service/rotator/rotate.ts";
import {
  createRotationBench,
  DAY,
  KNOWN_PAYLOAD,
  KNOWN_SECRETS,
  knownRandom,
  POLICY,
  type RotationBench,
} from "./rotationBench.ts";

/** Reads the versions, plans and rotates, as the command and the rotator do. */
async function run(
  { store }: Pick<RotationBench, "store">,
  reason: RotationReason = "planned",
  onStep?: (result: StepResult) => void,
): Promise<StepResult[]> {
  const { versions, now } = await store.read();
  const plan = planRotation(versions, POLICY, now, reason);
  return rotate(plan, { store, random: knownRandom, ...(onStep && { onStep }) });
}

/** The outcome of each step: `add done`, `destroy 1 skipped`. */
function told(results: readonly StepResult[]): string[] {
  return results.map(({ step, outcome }) =>
    step.action === "add" ? `add ${outcome}` : `${step.action} ${step.version.version} ${outcome}`,
  );
}

async function failure(rotation: Promise<unknown>): Promise<RotationError> {
  const error = await rotation.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof RotationError) return error;
  throw error ?? new Error("The rotation did not fail.");
}

/** Two versions that no session needs any more, and one that signs. */
async function withOldVersions(): Promise<RotationBench> {
  const bench = createRotationBench();
  bench.add();
  await bench.time.advance(30 * DAY);
  bench.add();
  await bench.time.advance(30 * DAY);
  bench.add();
  await bench.time.advance(30 * DAY);
  return bench;
}

describe("the new version", () => {
  // ASVS 11.2.3
  test("is 384 random bits, as text that the service accepts as a key", async () => {
    const bench = createRotationBench();
    const asked: number[] = [];
    const { versions, now } = await bench.store.read();
    const plan = planRotation(versions, POLICY, now, "planned");
    const random = (bytes: number) => {
      asked.push(bytes);
      return knownRandom(bytes);
    };
    await rotate(plan, { store: bench.store, random });
    expect(asked).toEqual([48]);
    expect(bench.payload(1)).toBe(KNOWN_PAYLOAD);
    expect(KNOWN_PAYLOAD).toMatch(/^[\w-]{64}$/);
    expect(KNOWN_PAYLOAD.length).toBeGreaterThanOrEqual(MIN_SECRET_LENGTH);
  });

  test("is added first; each step is reported when it has ended", async () => {
    const bench = await withOldVersions();
    const seen: string[][] = [];
    const results = await run(bench, "planned", (result) =>
      seen.push([...told([result]), ...bench.states()]),
    );
    expect(told(results)).toEqual(["add done", "destroy 2 done", "destroy 1 done"]);
    expect(results[0]?.added?.version).toBe(4);
    expect(seen).toEqual([
      ["add done", "1 ENABLED", "2 ENABLED", "3 ENABLED", "4 ENABLED"],
      ["destroy 2 done", "1 ENABLED", "2 DESTROYED", "3 ENABLED", "4 ENABLED"],
      ["destroy 1 done", "1 DESTROYED", "2 DESTROYED", "3 ENABLED", "4 ENABLED"],
    ]);
  });

  test("must succeed, or no other step runs", async () => {
    for (const reason of ["planned", "compromised"] as const) {
      const bench = await withOldVersions();
      const before = bench.states();
      bench.standIn.fail({ fault: "unavailable", on: ["add"] });
      const error = await failure(run(bench, reason));
      expect(told(error.results)).toEqual(["add failed"]);
      expect(error.message).toMatch(/ Run the rotation again to finish it\.$/);
      expect(bench.states()).toEqual(before);
    }
  });
});

describe("a rotation that fails in part", () => {
  test("goes on after a failed step, and another run completes it", async () => {
    const bench = await withOldVersions();
    bench.standIn.fail({ fault: "unavailable", on: ["destroy"], times: 1 });
    const error = await failure(run(bench));
    expect(error).toMatchObject({ code: "ROTATION_INCOMPLETE" });
    expect(told(error.results)).toEqual(["add done", "destroy 2 failed", "destroy 1 done"]);
    expect(bench.states()).toEqual(["1 DESTROYED", "2 ENABLED", "3 ENABLED", "4 ENABLED"]);

    expect(told(await run(bench))).toEqual(["destroy 2 done"]);
    expect(bench.states()).toEqual(["1 DESTROYED", "2 DESTROYED", "3 ENABLED", "4 ENABLED"]);
    expect(await run(bench)).toEqual([]);
  });

  test("reports the number of failed steps, and the cause of the first", async () => {
    const bench = await withOldVersions();
    bench.standIn.fail({ fault: "forbidden", on: ["destroy"] });
    const error = await failure(run(bench));
    expect(error.message).toMatch(/^2 steps failed; the first: .*403.*roles on the secret/);
  });

  test("does not add a second version if the first one's response was lost", async () => {
    const bench = await withOldVersions();
    bench.standIn.fail({ fault: "lostAnswer", on: ["add"], times: 1 });
    expect(told((await failure(run(bench))).results)).toEqual(["add failed"]);
    expect(bench.states()).toEqual(["1 ENABLED", "2 ENABLED", "3 ENABLED", "4 ENABLED"]);
    expect(told(await run(bench))).toEqual(["destroy 2 done", "destroy 1 done"]);
  });

  test("after a leak leaves no old version enabled after another run", async () => {
    const bench = createRotationBench();
    for (let i = 0; i < 3; i += 1) bench.add();
    bench.standIn.fail({ fault: "exhausted", on: ["disable"], times: 2 });
    const error = await failure(run(bench, "compromised"));
    expect(told(error.results)).toEqual([
      "add done",
      "disable 3 failed",
      "disable 2 failed",
      "disable 1 done",
    ]);
    expect(bench.states()).toEqual(["1 DISABLED", "2 ENABLED", "3 ENABLED", "4 ENABLED"]);
    await run(bench, "compromised");
    expect(bench.states()).toEqual([
      "1 DISABLED",
      "2 DISABLED",
      "3 DISABLED",
      "4 DISABLED",
      "5 ENABLED",
    ]);
  });

  test("skips a version that somebody changed meanwhile, which is no failure", async () => {
    const bench = await withOldVersions();
    const results = await run(bench, "planned", ({ step }) => {
      if (step.action === "add") bench.disable(1);
    });
    expect(told(results)).toEqual(["add done", "destroy 2 done", "destroy 1 skipped"]);
    expect(bench.states()).toEqual(["1 DISABLED", "2 DESTROYED", "3 ENABLED", "4 ENABLED"]);
  });
});

describe("concurrent rotations", () => {
  test("that are planned add at most one version too many", async () => {
    const bench = await withOldVersions();
    await Promise.all([run(bench), run(bench)]);
    expect(bench.states()).toEqual([
      "1 DESTROYED",
      "2 DESTROYED",
      "3 ENABLED",
      "4 ENABLED",
      "5 ENABLED",
    ]);
  });

  test("after a leak leave a version that signs, and no old one enabled", async () => {
    const bench = await withOldVersions();
    await Promise.all([run(bench, "compromised"), run(bench, "compromised")]);
    expect(bench.states()).toEqual([
      "1 DISABLED",
      "2 DISABLED",
      "3 DISABLED",
      "4 ENABLED",
      "5 ENABLED",
    ]);
  });
});

test("results and errors of a rotation contain no payload", async () => {
  const bench = await withOldVersions();
  const written: string[] = [JSON.stringify(await run(bench))];
  bench.standIn.fail({ fault: "internal", on: ["add", "destroy"] });
  await bench.time.advance(DAY);
  const error = await failure(run(bench));
  written.push(error.message, error.stack ?? "", JSON.stringify(error));
  for (const secret of KNOWN_SECRETS) expect(written.join()).not.toContain(secret);
});
