import { type GetSecretResult, getSecret } from "@pulumi/gcp/secretmanager/getSecret.js";
import type { InvokeOptions } from "@pulumi/pulumi";

/** The rotation schedule of SECRET_KEY. */
export interface RotationSchedule {
  /** Seconds between two rotations. */
  readonly period: number;
  /** Time of the first rotation of a new schedule (RFC 3339). */
  readonly firstTime: string;
  /** Whether the deployed secret has another schedule, or none; false if the secret is unknown. */
  readonly isNew: boolean;
}

/**
 * The secret's schedule: the current one if its period is the same, else a new one whose first
 * rotation is one period from now.
 *
 * @param current The deployed secret; undefined if there is none or it can't be read.
 */
export function planSchedule(
  period: number,
  current: Partial<Pick<GetSecretResult, "rotations">> | undefined,
  now: Date,
): RotationSchedule {
  const followed = current?.rotations?.map(({ rotationPeriod }) => rotationPeriod);
  const isNew = followed !== undefined && !followed.includes(`${period}s`);
  const first = new Date(now.getTime() + period * 1000);
  return { period, firstTime: first.toISOString().replace(/\.\d+Z$/, "Z"), isNew };
}

/** The deployed secret; undefined if there is none yet or it can't be read. */
export async function readSecret(
  project: string,
  secretId: string,
  opts?: InvokeOptions,
): Promise<GetSecretResult | undefined> {
  try {
    return await getSecret({ project, secretId }, opts);
  } catch {
    // Before the first deployment there is neither the secret nor its API. Any other failure recurs
    // when the secret is deployed.
    return undefined;
  }
}
