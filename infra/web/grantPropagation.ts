import { ResourceHook } from "@pulumi/pulumi";

/** What a new grant usually takes: https://cloud.google.com/iam/docs/access-change-propagation */
const SECONDS = 120;

/**
 * Waits until a new grant is known everywhere. Cloud Run reads a secret of the environment once for
 * a new revision, and gives the revision up if it may not.
 */
export function grantPropagationHook(): ResourceHook {
  return new ResourceHook(
    "grant-propagation",
    () => new Promise((resolve) => setTimeout(resolve, SECONDS * 1000)),
  );
}
