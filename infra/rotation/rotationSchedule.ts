import { type GetSecretResult, getSecret } from "@pulumi/gcp/secretmanager/getSecret.js";
import type { InvokeOptions } from "@pulumi/pulumi";

/** When SECRET_KEY is rotated. */
export interface RotationSchedule {
  /** Seconds between two rotations. */
  readonly period: number;
  /** When a new schedule begins (RFC 3339). */
  readonly firstTime: string;
  /** Whether the secret is known to follow another schedule, or none. */
  readonly isNew: boolean;
}

/**
 * The schedule that the secret is to follow: what it follows now if that has the right period,
 * else a new one that begins a period from now.
 *
 * @param current The secret as it is now; undefined if there is none or it can't be read.
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

/** The secret as it is now; undefined if there is none yet, or it can't be read. */
export async function readSecret(
  project: string,
  secretId: string,
  opts?: InvokeOptions,
): Promise<GetSecretResult | undefined> {
  try {
    return await getSecret({ project, secretId }, opts);
  } catch {
    // Before the first deployment there is neither the secret nor its API. Any other failure
    // shows when the secret itself is deployed; its schedule is left as it is until then.
    return undefined;
  }
}
