import { OperatorError } from "../../service/contract/errors.ts";

/** The service doesn't compile, or a source file is missing. The message has esbuild's errors. */
export class BundleError extends OperatorError {
  constructor(cause: string) {
    super("BUNDLE_FAILED", `The service can't be bundled: ${cause}\nFix this and try again.`);
  }
}
