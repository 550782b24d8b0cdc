import {
  ErrorHook,
  type ErrorHookArgs,
  mergeOptions,
  type ResourceTransformation,
  runtime,
} from "@pulumi/pulumi";

/** How often something is tried again, and the seconds before each time: three minutes in all. */
const RETRIES = { attempts: 18, interval: 10 };

/**
 * What Google answers while an API, a grant or an account that was made a moment ago is not known
 * everywhere yet: https://cloud.google.com/iam/docs/access-change-propagation
 */
const NOT_YET = [
  /SERVICE_DISABLED|API has not been used in project/,
  // Secret Manager publishes as soon as it is told the topic.
  /permission[^\n]*publish|pubsub\.topics\.publish|gcp-sa-secretmanager/i,
  /service account [^\n]* does not exist/i,
];

/** What was made before the failure: trying again would find it there and fail for that. */
const HALF_MADE = /\brevision\b/i;

/** Whether an error is one that passes by itself. */
export function isNotYet(message: string): boolean {
  return !HALF_MADE.test(message) && NOT_YET.some((pattern) => pattern.test(message));
}

/**
 * Decides about an operation that has failed, and waits before it is tried again.
 *
 * @param wait Resolves after that many seconds.
 */
export async function isWorthAnotherTry(
  { failedOperation, errors }: Pick<ErrorHookArgs, "failedOperation" | "errors">,
  wait: (seconds: number) => Promise<void> = sleep,
): Promise<boolean> {
  // The newest error comes first.
  const [message = ""] = errors;
  if (failedOperation === "delete" || errors.length > RETRIES.attempts) return false;
  if (!isNotYet(message)) return false;
  await wait(RETRIES.interval);
  return true;
}

/** Gives a hook for errors to each resource at Google. */
export function onErrorOf(hook: ErrorHook): ResourceTransformation {
  return ({ type, props, opts }) =>
    type.startsWith("gcp:")
      ? { props, opts: mergeOptions(opts, { hooks: { onError: [hook] } }) }
      : undefined;
}

/**
 * Has all resources that are declared from now on wait for what they depend on to be known at
 * Google, or the first `up` in an empty project would fail by chance and the second succeed.
 */
export function awaitConsistency(): void {
  const hook = new ErrorHook("await-consistency", (failure) => isWorthAnotherTry(failure));
  runtime.registerStackTransformation(onErrorOf(hook));
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
