import { OperatorError } from "../../../service/contract/errors.ts";
import {
  parseSecretReference,
  type SecretReference,
} from "../../../service/google/secretVersions.ts";
import { asObject, parseObject } from "../../../service/pure/json.ts";
import { printable } from "../../../service/pure/printable.ts";
import type { RunProgram } from "../runProgram.ts";

/** A stack's secret and key settings, from its outputs. */
interface StackKeys {
  readonly secret: SecretReference;
  /** The service's key settings, as environment variables. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Environment variables by the members of the output `keyPolicy`. */
const SETTINGS = {
  activationDelay: "KEY_ACTIVATION_DELAY",
  refreshInterval: "KEY_REFRESH_INTERVAL",
  sessionLifetime: "PERMANENT_SESSION_LIFETIME",
} as const;

/**
 * Reads the outputs of a deployed stack.
 * @throws OperatorError if Pulumi can't read them, or the stack has no output secretKey.
 */
export async function readStackKeys(stack: string, run: RunProgram): Promise<StackKeys> {
  const instead = ", or name the secret: --secret projects/P/secrets/S";
  const outputs = parseObject(await readOutputs(stack, run, instead));
  const secret = parseSecretReference(String(outputs?.secretKey));
  if (secret === undefined) {
    throw new OperatorError(
      "STACK_WITHOUT_KEY",
      `Stack ${stack} has no output secretKey. Deploy it first: npx pulumi up --stack ${stack}.`,
    );
  }
  const policy = asObject(outputs?.keyPolicy) ?? {};
  const settings = Object.entries(SETTINGS).flatMap(([output, variable]) => {
    const value = policy[output];
    return typeof value === "number" ? [[variable, String(value)]] : [];
  });
  return { secret, settings: Object.fromEntries(settings) };
}

/**
 * All outputs of a stack, as JSON.
 * @param instead another remedy if Pulumi can't read them
 * @throws OperatorError if Pulumi can't read them
 */
export async function readOutputs(stack: string, run: RunProgram, instead = ""): Promise<string> {
  const args = ["pulumi", "stack", "output", "--json", "--stack", stack];
  const { status, stdout, stderr } = await run("npx", args, { npm_config_loglevel: "error" });
  if (status === 0) return stdout;
  const cause = printable(stderr, 1000) || `npx pulumi ended with ${status}`;
  throw new OperatorError(
    "STACK_UNREADABLE",
    `The outputs of stack ${stack} can't be read: ${cause}\nCheck that npx pulumi stack output --stack ${stack} works${instead}.`,
  );
}
