import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf, OperatorError } from "../../../service/contract/errors.ts";
import {
  parseSecretReference,
  type SecretReference,
} from "../../../service/google/secretReference.ts";
import { asObject, parseObject } from "../../../service/pure/json.ts";

/** What a stack says of its secret. */
export interface StackKeys {
  readonly secret: SecretReference;
  /** The service's settings, as environment variables of these names have them. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Runs Pulumi's command and yields what it prints. Rejects if it fails. */
export type RunPulumi = (args: readonly string[]) => Promise<string>;

/** The outputs that the stack may tell its settings by, and the variables that they are of. */
const SETTINGS = {
  activationDelay: "KEY_ACTIVATION_DELAY",
  refreshInterval: "KEY_REFRESH_INTERVAL",
  sessionLifetime: "PERMANENT_SESSION_LIFETIME",
} as const;

/**
 * Reads the outputs of a deployed stack.
 * @throws OperatorError if Pulumi can't, or if the stack isn't this program's.
 */
export async function readStackKeys(stack: string, runPulumi: RunPulumi): Promise<StackKeys> {
  const outputs = parseObject(await readOutputs(stack, runPulumi));
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

async function readOutputs(stack: string, runPulumi: RunPulumi): Promise<string> {
  try {
    return await runPulumi(["stack", "output", "--json", "--stack", stack]);
  } catch (error) {
    const said = String(asObject(error)?.stderr ?? "").trim();
    const cause = said || messageOf(error);
    throw new OperatorError(
      "STACK_UNREADABLE",
      `The outputs of stack ${stack} can't be read: ${cause}\nSee that npx pulumi stack output --stack ${stack} works, or name the secret: --secret projects/P/secrets/S.`,
      { cause: error },
    );
  }
}

/** The command of npm's `pulumi` package, as `npx pulumi` runs it. */
export async function runPulumi(args: readonly string[]): Promise<string> {
  const windows = process.platform === "win32"; // npx is a script there, which needs a shell
  const env = { ...process.env, npm_config_loglevel: "error" };
  const { stdout } = await promisify(execFile)("npx", ["pulumi", ...args], { env, shell: windows });
  return stdout;
}
