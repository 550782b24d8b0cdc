import {
  ErrorHook,
  type ErrorHookArgs,
  getStack,
  log,
  mergeOptions,
  type ResourceTransformation,
  runtime,
} from "@pulumi/pulumi";
import { isTransient, remedyFor } from "./googleErrors.ts";
import { RETRIES, sleep } from "./retries.ts";

interface OnErrorTools {
  /** Name of the stack that is deployed. */
  readonly stack: string;
  /** Resolves after that many seconds. */
  readonly wait: (seconds: number) => Promise<void>;
  /** Shows the remedy to the operator. */
  readonly tell: (remedy: string) => Promise<void>;
}

/**
 * Retries transient errors of all resources that are declared afterwards, and logs remedies for
 * permanent ones. Without retries, the first `up` in an empty project often fails.
 */
export function handleErrors(): void {
  const stack = getStack();
  const hook = new ErrorHook("google-errors", (failure) =>
    onError(failure, { stack, wait: sleep, tell: (remedy) => log.error(remedy) }),
  );
  runtime.registerStackTransformation(withHook(hook));
}

type Failure = Pick<ErrorHookArgs, "failedOperation" | "errors" | "newInputs">;

/**
 * Handles a failed operation: waits and returns true if Pulumi is to retry it, else shows a remedy.
 */
export async function onError(
  { failedOperation, errors, newInputs }: Failure,
  { stack, wait, tell }: OnErrorTools,
): Promise<boolean> {
  // The newest error comes first.
  const [message = ""] = errors;
  const again =
    failedOperation !== "delete" && errors.length <= RETRIES.attempts && isTransient(message);
  if (again) {
    await wait(RETRIES.interval);
  } else {
    const remedy = remedyFor(message, { stack, project: newInputs?.project });
    if (remedy !== undefined) await tell(remedy);
  }
  return again;
}

/** A transformation that adds an error hook to each Google resource. */
export function withHook(hook: ErrorHook): ResourceTransformation {
  return ({ type, props, opts }) =>
    type.startsWith("gcp:")
      ? { props, opts: mergeOptions(opts, { hooks: { onError: [hook] } }) }
      : undefined;
}
