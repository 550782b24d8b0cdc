import { createSecretManagerStandIn, type SecretManagerStandIn } from "./secretManager/standIn.ts";
import type { Snapshot } from "./secretManager/store.ts";
import { load, type RunningStandIn, save, startStandIn } from "./standIn/server.ts";

interface SecretManagerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Unix time in seconds; default: this machine's. */
  readonly clock?: () => number;
  /** File that keeps the secrets between runs. */
  readonly state?: string;
}

/** Its URL is the value of SECRET_MANAGER_ENDPOINT. */
export interface RunningSecretManager extends RunningStandIn {
  readonly standIn: SecretManagerStandIn;
}

/**
 * Starts a stand-in for Secret Manager's v1 REST API on this machine. Other processes control its
 * faults, lag and clock with `POST /_control/{fail,heal,lag,advance}`.
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
