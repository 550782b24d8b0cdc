import { OperatorError } from "../../../service/contract/errors.ts";
import { optional } from "../../../service/contract/settings.ts";
import { printable } from "../../../service/pure/printable.ts";
import { backendUrl, type Goal } from "./goal.ts";
import type { ReadDeps } from "./query.ts";

/**
 * Checks that the required programs are installed and logged in.
 *
 * @returns the address of the account that gcloud acts as
 * @throws OperatorError with all that is missing
 */
export async function checkPrograms(goal: Goal, deps: ReadDeps): Promise<string> {
  const { run } = deps;
  const missing: string[] = [];
  const account = await run("gcloud", [
    ...["auth", "list", "--filter", "status:ACTIVE", "--format", "value(account)"],
  ]);
  const operator = account.stdout.trim();
  if (account.status === 127) {
    missing.push("gcloud is not installed. See https://cloud.google.com/sdk/docs/install.");
  } else if (account.status !== 0 || operator === "") {
    missing.push("gcloud is not logged in. Run gcloud auth login.");
  } else if ((await run("gcloud", PRINT_TOKEN)).status !== 0) {
    missing.push(
      "There are no usable application default credentials, which Pulumi uses. Run gcloud auth application-default login.",
    );
  }
  const pulumi = await run("npx", ["pulumi", "version"]);
  if (pulumi.status !== 0) {
    missing.push(
      `npx pulumi does not run: ${printable(pulumi.stderr, 300) || "no npx"}. Run npm ci, then npx pulumi version, which downloads it.`,
    );
  }
  if (goal.github !== undefined) {
    const { status } = await run("gh", ["auth", "status"]);
    if (status === 127) missing.push("gh is not installed. See https://cli.github.com.");
    else if (status !== 0) missing.push("gh is not logged in. Run gh auth login.");
  }
  const backend = optional(deps.env, "PULUMI_BACKEND_URL");
  if (backend !== undefined && backend !== backendUrl(goal)) {
    missing.push(
      `PULUMI_BACKEND_URL is set, and not to ${backendUrl(goal)}. Unset it: it overrides pulumi login.`,
    );
  }
  if (missing.length > 0) throw new OperatorError("PROGRAM_MISSING", missing.join("\n"));
  return operator;
}

const PRINT_TOKEN = ["auth", "application-default", "print-access-token"];
