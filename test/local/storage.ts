import { load, type RunningStandIn, save, startStandIn } from "./standIn/server.ts";
import type { Snapshot } from "./storage/objects.ts";
import { createStorageStandIn, type StorageStandIn } from "./storage/standIn.ts";

export interface StorageOptions {
  /** A free one if left out. */
  readonly port?: number;
  /** Unix time in seconds; the machine's if left out. */
  readonly clock?: () => number;
  /** What is there at the beginning. */
  readonly snapshot?: Snapshot;
  /** File that keeps the objects from one run to the next. */
  readonly state?: string;
}

/** Its URL is what CLOUD_STORAGE_ENDPOINT is set to. */
export interface RunningStorage extends RunningStandIn {
  readonly standIn: StorageStandIn;
}

/**
 * Starts a stand-in for Cloud Storage's JSON API on this machine. Other processes control its
 * faults, uploads and clock by `POST /_control/{fail,heal,upload,advance}`.
 */
export async function startStorage({
  port = 0,
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
  return { ...(await startStandIn(standIn, port)), standIn };
}
