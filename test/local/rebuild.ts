import { execFile } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { basename, join } from "node:path";
import type { Archive } from "../../infra/archive.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** Editors write a file in several steps: how long it has to be quiet (milliseconds). */
const QUIET = 100;

/** The service does not compile; the message is the compiler's. */
export class RebuildError extends Error {
  readonly code = "REBUILD_FAILED";
}

/** Changes can't be noticed, as where the system has no watches left. */
export class WatchError extends Error {
  readonly code = "WATCH_FAILED";

  constructor(cause: NodeJS.ErrnoException) {
    const remedy = cause.code === "ENOSPC" ? "Raise fs.inotify.max_user_watches, or s" : "S";
    super(
      `service/ can't be watched: ${cause.message} (${cause.code}). ${remedy}tart with --no-watch.`,
      { cause },
    );
  }
}

/** Builds the archive in a process of its own, so that the balancer goes on meanwhile. */
export function rebuild(): Promise<Archive> {
  const { promise, resolve, reject } = Promise.withResolvers<Archive>();
  const args = [join(REPOSITORY, "infra", "bundle.ts"), "--json"];
  execFile(process.execPath, args, { cwd: REPOSITORY }, (error, stdout, stderr) => {
    if (error) reject(new RebuildError(stderr.trim() || error.message));
    else resolve(JSON.parse(stdout) as Archive);
  });
  return promise;
}

/**
 * Calls `onChange` after a change in service/, once it is quiet, and never twice at once: what
 * changes meanwhile leads to another call.
 *
 * @throws WatchError
 */
export function watchService(onChange: () => Promise<void>): FSWatcher {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let again = false;
  const run = async () => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await onChange();
    } while (again);
    running = false;
  };
  try {
    return watch(join(REPOSITORY, "service"), { recursive: true }, (_event, file) => {
      if (file !== null && basename(file).startsWith(".")) return;
      clearTimeout(timer);
      timer = setTimeout(() => void run(), QUIET);
    });
  } catch (error) {
    throw new WatchError(error as NodeJS.ErrnoException);
  }
}
