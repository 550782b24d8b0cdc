import fs, {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { WatchError, watchFolder } from "./watch.ts";

let root: string;
let watch: { close(): void } | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "phoenix-watch-"));
  mkdirSync(join(root, "keys"));
  writeFileSync(join(root, "keys", "ring.ts"), "one");
});
afterEach(() => {
  jest.restoreAllMocks();
  watch?.close();
  rmSync(root, { recursive: true });
});

/** For a watch that must not fail. */
function onError(error: WatchError): void {
  throw error;
}

/** Starts a watch; the returned function makes a change and resolves once it is noticed. */
function noticing(fail = onError): (change: () => void) => Promise<void> {
  let notice = () => {};
  watch = watchFolder(root, async () => notice(), fail);
  return (change) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    notice = resolve;
    change();
    return promise;
  };
}

/** Saves like `sed -i`, git and most editors: another file takes the name. */
function replace(path: string): void {
  writeFileSync(join(root, "new"), "two");
  renameSync(join(root, "new"), path);
}

test("a file that is written, replaced and then written again is noticed each time", async () => {
  const noticed = noticing();
  const file = join(root, "keys", "ring.ts");
  await noticed(() => appendFileSync(file, "more"));
  await noticed(() => replace(file));
  await noticed(() => appendFileSync(file, "more"));
  await noticed(() => replace(file));
  await noticed(() => appendFileSync(file, "more"));
  await noticed(() => rmSync(file));
});

test("files in a new folder, and in folders in it, are noticed", async () => {
  const noticed = noticing();
  const inner = join(root, "login", "pages");
  await noticed(() => mkdirSync(inner, { recursive: true }));
  await noticed(() => writeFileSync(join(inner, "page.ts"), "one"));
  await noticed(() => appendFileSync(join(inner, "page.ts"), "more"));
});

test("a replaced folder is still watched", async () => {
  const noticed = noticing();
  const folder = join(root, "keys");
  await noticed(() => rmSync(folder, { recursive: true }));
  await noticed(() => mkdirSync(folder));
  await noticed(() => writeFileSync(join(folder, "ring.ts"), "two"));
  await noticed(() => appendFileSync(join(folder, "ring.ts"), "more"));
});

test("a change during a call leads to another call after it", async () => {
  const calls: string[] = [];
  const second = Promise.withResolvers<void>();
  const file = join(root, "keys", "ring.ts");
  watch = watchFolder(
    root,
    async () => {
      calls.push("begin");
      if (calls.length === 1) {
        // This watcher would have called before another one does.
        const noticed = Promise.withResolvers<void>();
        const other = watchFolder(root, async () => noticed.resolve(), onError);
        appendFileSync(file, "more");
        await noticed.promise;
        other.close();
      }
      calls.push("end");
      if (calls.length === 4) second.resolve();
    },
    onError,
  );
  appendFileSync(file, "more");
  await second.promise;
  expect(calls).toEqual(["begin", "end", "begin", "end"]);
});

test("a failed call does not end the watch", async () => {
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const file = join(root, "keys", "ring.ts");
  watch = watchFolder(
    root,
    async () => {
      calls += 1;
      if (calls === 2) return resolve();
      setImmediate(() => appendFileSync(file, "more"));
      throw new Error("no");
    },
    onError,
  );
  appendFileSync(file, "more");
  await promise;
});

test("a missing folder is an error with a remedy", () => {
  const missing = () => watchFolder(join(root, "missing"), async () => {}, onError);
  expect(missing).toThrow(WatchError);
  expect(missing).toThrow(/missing can't be watched: .*--no-watch/);
});

function noWatchesLeft(): NodeJS.ErrnoException {
  return Object.assign(new Error("no watches left"), { code: "ENOSPC" });
}

test("a folder that can't be watched any more is reported once, and the others are still watched", async () => {
  const told: string[] = [];
  const noticed = noticing(({ message }) => told.push(message));
  const failing = jest.spyOn(fs, "watch").mockImplementation(() => {
    throw noWatchesLeft();
  });
  await noticed(() => mkdirSync(join(root, "login")));
  await noticed(() => mkdirSync(join(root, "notes")));
  expect(failing).toHaveBeenCalledTimes(2);
  expect(told).toEqual([
    expect.stringMatching(/^login can't be watched: no watches left.*max_user_watches/),
  ]);
  await noticed(() => appendFileSync(join(root, "keys", "ring.ts"), "more"));
});

test("a watcher that fails later is reported, unless its folder was removed", async () => {
  const told: string[] = [];
  const watching = jest.spyOn(fs, "watch");
  const noticed = noticing(({ message }) => told.push(message));
  const [ofRoot, ofKeys] = watching.mock.results.map(({ value }) => value as fs.FSWatcher);
  await noticed(() => rmSync(join(root, "keys"), { recursive: true }));
  ofKeys?.emit("error", noWatchesLeft());
  expect(told).toEqual([]);
  ofRoot?.emit("error", noWatchesLeft());
  expect(told).toEqual([expect.stringContaining("can't be watched: no watches left")]);
});
