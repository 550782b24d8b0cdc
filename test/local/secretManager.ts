import { createSecretManagerStandIn, type SecretManagerStandIn } from "./secretManager/standIn.ts";
import type { Snapshot } from "./secretManager/store.ts";
import { load, type RunningStandIn, save, startStandIn } from "./standIn/server.ts";

export interface SecretManagerOptions {
  /** A free one if left out. */
  readonly port?: number;
  /** Unix time in seconds; the machine's if left out. */
  readonly clock?: () => number;
  /** File that keeps the secrets from one run to the next. */
  readonly state?: string;
}

/** Its URL is what SECRET_MANAGER_ENDPOINT is set to. */
export interface RunningSecretManager extends RunningStandIn {
  readonly standIn: SecretManagerStandIn;
}

/**
 * Starts a stand-in for Secret Manager's v1 REST API on this machine. Other processes control its
 * faults, lag and clock by `POST /_control/{fail,heal,lag,advance}`.
 */
export async function startSecretManager({
  port = 0,
  clock,
  state,
}: SecretManagerOptions = {}): Promise<RunningSecretManager> {
  const standIn = createSecretManagerStandIn({
    ...(clock && { clock }),
    ...(state && {
      snapshot: load<Snapshot>(state),
      onChange: (snapshot) => save(state, snapshot),
    }),
  });
  return { ...(await startStandIn(standIn, port)), standIn };
}
