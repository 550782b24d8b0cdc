import { existsSync, type FSWatcher, readdirSync, watch } from "node:fs";
import { basename, join, sep } from "node:path";

/** Milliseconds without a change before the callback: editors write a file in several steps. */
const QUIET = 100;

/** A folder can't be watched, for example because the system has no watches left. */
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
 * Calls `onChange` after changes in a folder or below it, one call at a time: changes during a call
 * lead to another one. Names that begin with a dot are ignored, because they are editors' files.
 *
 * @param onChange - reports its errors itself
 * @param onError - called once, when a folder can't be watched any more; the others still are
 * @throws WatchError if the folder can't be watched
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
      // Further errors have the same cause.
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
 * A watcher for each folder. On Linux, Node's recursive watcher watches each file, and misses changes
 * once another file has taken its name, which is how most editors and git write.
 */
class WatchedFolders {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onChange: () => void;
  readonly #onError: OnFolderError;

  constructor(onChange: () => void, onError: OnFolderError) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /** Watches a folder, then those in it, so that a folder created meanwhile is not missed. */
  add(folder: string): void {
    const watcher = watch(folder, (event, name) => {
      if (name?.startsWith(".")) return;
      // A folder may have been created, removed or replaced.
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

/** Debounces calls of a function, and runs one at a time. */
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
      await this.#call().catch(() => {}); // reported by itself
    }
    this.#running = false;
  }
}
