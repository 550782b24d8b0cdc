import { OperatorError } from "../../service/contract/errors.ts";

/** The service doesn't compile, or a part of it is missing. The message says what and where. */
export class BundleError extends OperatorError {
  constructor(cause: string) {
    super("BUNDLE_FAILED", `The service can't be bundled: ${cause}\nMend that and try again.`);
  }
}
