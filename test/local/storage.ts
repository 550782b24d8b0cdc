import { load, type RunningStandIn, save, startStandIn } from "./standIn/server.ts";
import type { Snapshot } from "./storage/objects.ts";
import { createStorageStandIn, type StorageStandIn } from "./storage/standIn.ts";

interface StorageOptions {
  /** Unix time in seconds; default: this machine's. */
  readonly clock?: () => number;
  /** Initial content. */
  readonly snapshot?: Snapshot;
  /** File that keeps the objects between runs. */
  readonly state?: string;
}

/** Its URL is the value of CLOUD_STORAGE_ENDPOINT. */
export interface RunningStorage extends RunningStandIn {
  readonly standIn: StorageStandIn;
}

/**
 * Starts a stand-in for Cloud Storage's JSON API on this machine. Other processes control its
 * faults, uploads and clock with `POST /_control/{fail,heal,upload,advance}`.
 */
export async function startStorage({
  clock,
  snapshot,
  state,
}: StorageOptions = {}): Promise<RunningStorage> {
  const standIn = createStorageStandIn({
    ...(clock && { clock }),
    snapshot,
    ...(state && {
      snapshot: load<Snapshot>(state),
      onChange: (snapshot) => save(state, snapshot),
    }),
  });
  return { ...(await startStandIn(standIn)), standIn };
}
