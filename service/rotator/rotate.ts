import { messageOf, OperatorError } from "../contract/errors.ts";
import type { SecretVersion, VersionStore } from "../google/secretVersions.ts";
import type { RotationPlan, Step } from "./plan.ts";

/** Time limit of one call in seconds. It is long, because adding a version can be slow. */
export const CALL_TIMEOUT = 10;

/** 384 bits, more than the 256 of the derived keys. */
const KEY_BYTES = 48;

/** Result of a step. */
export interface StepResult {
  readonly step: Step<SecretVersion>;
  readonly outcome: "done" | "skipped" | "failed";
  /** The new version of a step that adds one. */
  readonly added?: SecretVersion;
  readonly error?: unknown;
}

/** Some steps of a rotation failed. Sessions still work, and another run finishes the rotation. */
export class RotationError extends OperatorError {
  readonly results: readonly StepResult[];

  constructor(results: readonly StepResult[]) {
    const failed = results.filter(({ outcome }) => outcome === "failed");
    const [first] = failed;
    const cause = messageOf(first?.error);
    const count = failed.length > 1 ? `${failed.length} steps failed; the first: ` : "";
    super("ROTATION_INCOMPLETE", `${count}${cause} Run the rotation again to finish it.`, {
      cause: first?.error,
    });
    this.results = results;
  }
}

interface RotationDeps {
  readonly store: VersionStore;
  /** Returns that many cryptographically strong random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Called with each step's result when the step has ended. */
  readonly onStep?: (result: StepResult) => void;
}

/**
 * Runs a plan's steps. If the new version can't be added, it stops. A later step that fails does
 * not stop the others, because each disabled key helps.
 * @throws RotationError if a step failed.
 */
export async function rotate(
  plan: RotationPlan<SecretVersion>,
  { store, random, onStep = () => undefined }: RotationDeps,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of plan.steps) {
    const result = await attempt(step);
    results.push(result);
    onStep(result);
    if (step.action === "add" && result.outcome === "failed") break;
  }
  if (results.some(({ outcome }) => outcome === "failed")) throw new RotationError(results);
  return results;

  async function attempt(step: Step<SecretVersion>): Promise<StepResult> {
    try {
      if (step.action === "add") {
        return { step, outcome: "done", added: await store.add(newPayload()) };
      }
      if (step.action === "disable") {
        await store.disable(step.version);
        return { step, outcome: "done" };
      }
      return { step, outcome: (await store.destroy(step.version)) ? "done" : "skipped" };
    } catch (error) {
      return { step, outcome: "failed", error };
    }
  }

  /** ASCII text, because people and other programs read secrets as text. */
  function newPayload(): Uint8Array {
    return Buffer.from(Buffer.from(random(KEY_BYTES)).toString("base64url"), "ascii");
  }
}
