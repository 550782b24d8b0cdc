import { messageOf, OperatorError } from "../contract/errors.ts";
import type { SecretVersion, VersionStore } from "../google/secretVersions.ts";
import type { RotationPlan, Step } from "./plan.ts";

/** Seconds that one call may take: nobody waits for a page here, and adding may take long. */
export const CALL_TIMEOUT = 10;

/** 384 bits: more than AES-256 takes, so that nothing is lost in the derivation. */
const KEY_BYTES = 48;

/** Result of a step. */
export interface StepResult {
  readonly step: Step<SecretVersion>;
  readonly outcome: "done" | "skipped" | "failed";
  /** The new version of a step that adds one. */
  readonly added?: SecretVersion;
  /** Cause of a failure. */
  readonly error?: unknown;
}

/** Some steps of a rotation failed. Sessions work as before; running it again finishes it. */
export class RotationError extends OperatorError {
  readonly results: readonly StepResult[];

  constructor(results: readonly StepResult[]) {
    const failed = results.filter(({ outcome }) => outcome === "failed");
    const [first] = failed;
    const cause = messageOf(first?.error);
    const count = failed.length > 1 ? `${failed.length} steps failed; the first: ` : "";
    super("ROTATION_INCOMPLETE", `${count}${cause} Run the same again to finish.`, {
      cause: first?.error,
    });
    this.results = results;
  }
}

export interface RotationDeps {
  readonly store: VersionStore;
  /** Yields that many cryptographically strong random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Called with each step's result when the step has ended. */
  readonly onStep?: (result: StepResult) => void;
}

/**
 * Does a plan's steps. If the new version can't be added, nothing else is done. After it each step is
 * tried, even if others fail: each one that succeeds makes things safer.
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

  /** Text, because people and other programs read secrets as text. */
  function newPayload(): Uint8Array {
    return Buffer.from(Buffer.from(random(KEY_BYTES)).toString("base64url"), "ascii");
  }
}
