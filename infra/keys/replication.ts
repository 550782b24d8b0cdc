import type { GetSecretResult } from "@pulumi/gcp/secretmanager/getSecret.js";
import type { secretmanager } from "@pulumi/gcp/types/input.js";
import { ConfigError } from "../../service/contract/errors.ts";

/**
 * The replication of a secret.
 *
 * @param locations Regions; empty: Google chooses.
 */
export function replicationOf(locations: readonly string[]): secretmanager.SecretReplication {
  if (locations.length === 0) return { auto: {} };
  return { userManaged: { replicas: locations.map((location) => ({ location })) } };
}

interface ReplicationCheck {
  /** Full name of the setting. */
  readonly setting: string;
  /** Name of the stack. */
  readonly stack: string;
  readonly locations: readonly string[];
}

/**
 * Refuses to move SECRET_KEY: a secret's replication is immutable, so Pulumi would replace the
 * secret, which ends every session.
 *
 * @param current The deployed secret; undefined if there is none.
 * @throws ConfigError if its locations differ.
 */
export function checkReplication(
  { setting, stack, locations }: ReplicationCheck,
  current: Partial<Pick<GetSecretResult, "replications">> | undefined,
): void {
  if (current?.replications === undefined) return;
  const there = current.replications
    .flatMap(({ userManageds = [] }) => userManageds)
    .flatMap(({ replicas }) => replicas.map(({ location }) => location))
    .toSorted();
  if (there.join() === locations.join()) return;
  const command = `npx pulumi config ${there.length > 0 ? "set" : "rm"} --stack ${stack} ${setting}`;
  throw new ConfigError([
    {
      setting,
      cause:
        `is ${locations.join() || "not set"}, but SECRET_KEY is kept ` +
        `${there.length > 0 ? `in ${there.join()}` : "where Google chose"}: Pulumi would replace ` +
        "the secret, which ends every session",
      remedy: `Run \`${[command, ...(there.length > 0 ? [there.join()] : [])].join(" ")}\``,
    },
  ]);
}
