import { existsSync, type FSWatcher, readdirSync, watch } from "node:fs";
import { basename, join, sep } from "node:path";

/** Editors write a file in several steps: how long it has to be quiet (milliseconds). */
const QUIET = 100;

/** Changes in a folder can't be noticed, as where the system has no watches left. */
export class WatchError extends Error {
  readonly code = "WATCH_FAILED";

  constructor(folder: string, cause: NodeJS.ErrnoException) {
    const remedy = cause.code === "ENOSPC" ? "Raise fs.inotify.max_user_watches, or s" : "S";
    super(
      `${basename(folder)} can't be watched: ${cause.message} (${cause.code}). ${remedy}tart with --no-watch.`,
      { cause },
    );
  }
}

/**
 * Calls `onChange` after a change in a folder or one in it, once it is quiet, and never twice at
 * once: what changes meanwhile leads to another call. What begins with a dot belongs to an editor
 * and counts for nothing.
 *
 * @param onChange - has to say itself what it fails with
 * @param onError - told the first time that a folder can't be watched any more; the others still
 * are
 * @throws WatchError if the watch can't begin
 */
export function watchFolder(
  root: string,
  onChange: () => Promise<void>,
  onError: (error: WatchError) => void,
): { close(): void } {
  const turns = new Turns(onChange);
  let told = false;
  const folders = new WatchedFolders(
    () => turns.ask(),
    (folder, cause) => {
      // The next ones would fail for the same cause.
      if (!told) onError(new WatchError(folder, cause));
      told = true;
    },
  );
  try {
    folders.add(root);
  } catch (error) {
    folders.close();
    throw new WatchError(root, error as NodeJS.ErrnoException);
  }
  return {
    close() {
      folders.close();
      turns.close();
    },
  };
}

type OnFolderError = (folder: string, cause: NodeJS.ErrnoException) => void;

/**
 * A watcher for each folder. Node's own recursive one has a watcher for each file on Linux, which
 * stays with the old file when another takes its name, as most editors and git have it.
 */
class WatchedFolders {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onChange: () => void;
  readonly #onError: OnFolderError;

  constructor(onChange: () => void, onError: OnFolderError) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /** Also what is in it, after itself, so that nothing is missed that is made meanwhile. */
  add(folder: string): void {
    const watcher = watch(folder, (event, name) => {
      if (name?.startsWith(".")) return;
      // A folder that came, went, or is another one of the same name.
      if (event === "rename" && name !== null) this.#again(join(folder, name));
      this.#onChange();
    });
    watcher.on("error", (error) => {
      this.#remove(folder);
      if (existsSync(folder)) this.#onError(folder, error);
    });
    this.#watchers.set(folder, watcher);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !entry.name.startsWith(".")) this.add(join(folder, entry.name));
    }
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #again(path: string): void {
    this.#remove(path);
    try {
      readdirSync(path);
      this.add(path);
    } catch (error) {
      this.#remove(path);
      const cause = error as NodeJS.ErrnoException;
      if (cause.code !== "ENOTDIR" && cause.code !== "ENOENT") this.#onError(path, cause);
    }
  }

  #remove(path: string): void {
    for (const [folder, watcher] of this.#watchers) {
      if (folder !== path && !folder.startsWith(path + sep)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
  }
}

/** Calls a function one at a time, once nobody has asked for it for a while. */
class Turns {
  readonly #call: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #again = false;

  constructor(call: () => Promise<void>) {
    this.#call = call;
  }

  ask(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), QUIET);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#again = false;
  }

  async #run(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      await this.#call().catch(() => {}); // it has told it
    }
    this.#running = false;
  }
}
