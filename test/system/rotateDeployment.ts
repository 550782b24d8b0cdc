import { randomBytes } from "node:crypto";
import { runRotateCommand } from "../../infra/commands/rotate/command.ts";
import type { LocalDeployment } from "../local/deployment.ts";

/** The shortest allowed times, in seconds, for the environments of the service and the command. */
export const QUICK_ROTATION = {
  KEY_ACTIVATION_DELAY: "3",
  KEY_REFRESH_INTERVAL: "1",
};

/**
 * `npm run rotate -- --yes` against the secret of a deployment; returns the version that it added.
 * @throws Error if it does not end with 0; its message is what the command printed.
 */
export async function rotateDeployment(
  { secretKey, secretManager }: LocalDeployment,
  ...args: readonly string[]
): Promise<number> {
  const printed: string[] = [];
  const target = ["--secret", secretKey, "--endpoint", secretManager.url];
  const status = await runRotateCommand([...target, "--yes", "--json", ...args], {
    env: QUICK_ROTATION,
    print: (text) => printed.push(text),
    tell: (text) => printed.push(text),
    ask: undefined,
    run: () => Promise.reject(new Error("There is no stack here")),
    random: randomBytes,
  });
  const text = printed.join("\n");
  if (status !== 0) throw new Error(`The rotation ended with ${status}: ${text}`);
  return JSON.parse(text).steps[0].version;
}
