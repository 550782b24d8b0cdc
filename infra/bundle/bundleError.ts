/** The service does not compile, or a part of it is missing. The message says what and where. */
export class BundleError extends Error {
  readonly code = "BUNDLE_FAILED";

  constructor(cause: string) {
    super(`The service can't be bundled: ${cause}\nMend that and try again.`);
    this.name = "BundleError";
  }
}
