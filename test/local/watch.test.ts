import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { WatchError, watchFolder } from "./watch.ts";

let root: string;
let watch: { close(): void } | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "phoenix-watch-"));
  mkdirSync(join(root, "keys"));
  writeFileSync(join(root, "keys", "ring.ts"), "one");
});
afterEach(() => {
  watch?.close();
  rmSync(root, { recursive: true });
});

/** Watches; the function returned makes a change and resolves when it has been noticed. */
function noticing(): (change: () => void) => Promise<void> {
  let notice = () => {};
  watch = watchFolder(root, async () => notice());
  return (change) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    notice = resolve;
    change();
    return promise;
  };
}

/** As `sed -i`, git and most editors save: another file takes the name. */
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

test("a folder that is replaced, as by a checkout, is watched on", async () => {
  const noticed = noticing();
  const folder = join(root, "keys");
  await noticed(() => rmSync(folder, { recursive: true }));
  await noticed(() => mkdirSync(folder));
  await noticed(() => writeFileSync(join(folder, "ring.ts"), "two"));
  await noticed(() => appendFileSync(join(folder, "ring.ts"), "more"));
});

test("what changes during a call leads to another one, after it", async () => {
  const calls: string[] = [];
  const second = Promise.withResolvers<void>();
  const file = join(root, "keys", "ring.ts");
  watch = watchFolder(root, async () => {
    calls.push("begin");
    if (calls.length === 1) {
      // By the time that another watcher calls, this one would have, too.
      const noticed = Promise.withResolvers<void>();
      const other = watchFolder(root, async () => noticed.resolve());
      appendFileSync(file, "more");
      await noticed.promise;
      other.close();
    }
    calls.push("end");
    if (calls.length === 4) second.resolve();
  });
  appendFileSync(file, "more");
  await second.promise;
  expect(calls).toEqual(["begin", "end", "begin", "end"]);
});

test("a call that fails does not end the watch", async () => {
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const file = join(root, "keys", "ring.ts");
  watch = watchFolder(root, async () => {
    calls += 1;
    if (calls === 2) return resolve();
    setImmediate(() => appendFileSync(file, "more"));
    throw new Error("no");
  });
  appendFileSync(file, "more");
  await promise;
});

test("a folder that is not there can't be watched, and the error says what to do", () => {
  const missing = () => watchFolder(join(root, "missing"), async () => {});
  expect(missing).toThrow(WatchError);
  expect(missing).toThrow(/missing can't be watched: .*--no-watch/);
});
