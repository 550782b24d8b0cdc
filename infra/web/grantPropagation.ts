import { ResourceHook } from "@pulumi/pulumi";
import { sleep } from "../errors/retries.ts";

/** Usual propagation delay: https://cloud.google.com/iam/docs/access-change-propagation */
const SECONDS = 120;

/**
 * A hook that waits until a new grant has propagated. Cloud Run does not retry a new revision that
 * may not read a secret of its environment.
 */
export function grantPropagationHook(): ResourceHook {
  return new ResourceHook("grant-propagation", () => sleep(SECONDS));
}
