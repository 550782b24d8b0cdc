import { RunError } from "@pulumi/pulumi";
import { OperatorError } from "../../service/contract/errors.ts";

/**
 * Throws an operator's mistake as the error whose message Pulumi shows without a stack, and a bug
 * as it is.
 */
export function showMistake(error: unknown): never {
  throw error instanceof OperatorError ? new RunError(error.message) : error;
}
