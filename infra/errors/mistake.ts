import { RunError } from "@pulumi/pulumi";
import { OperatorError } from "../../service/contract/errors.ts";

/**
 * Rethrows an operator's mistake as a RunError, which Pulumi shows without a stack trace. Rethrows
 * a bug unchanged.
 */
export function showMistake(error: unknown): never {
  throw error instanceof OperatorError ? new RunError(error.message) : error;
}
