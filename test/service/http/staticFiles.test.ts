import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import express from "express";
import { inject } from "light-my-request";
import { staticFiles } from "../../../service/http/staticFiles.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** A release with one file, whose time is that of all files in an archive. */
function release(content: string) {
  const directory = mkdtempSync(join(tmpdir(), "phoenix-static-"));
  directories.push(directory);
  const path = join(directory, "page.js");
  writeFileSync(path, content);
  utimesSync(path, 0, 0);
  const app = express();
  app.use("/static", staticFiles(directory));
  return (headers: Record<string, string> = {}, url = "/static/page.js") =>
    inject(app, { url, headers });
}

test("a file that changed with a release is sent again, even if its size and time are the same", async () => {
  const [before, after] = [release("check(1)"), release("check(2)")];
  const { headers } = await before();
  const known = await after({ "if-none-match": String(headers.etag) });
  expect([known.statusCode, known.payload]).toEqual([200, "check(2)"]);
  const later = new Date().toUTCString();
  expect((await after({ "if-modified-since": later })).payload).toBe("check(2)");
});

test("an unchanged file is answered with 304 by every instance and release", async () => {
  const [before, after] = [release("check(1)"), release("check(1)")];
  const { headers } = await before();
  expect(headers.etag).toMatch(/^"[\w-]{43}"$/);
  const known = await after({ "if-none-match": String(headers.etag) });
  expect([known.statusCode, known.payload, known.headers.etag]).toEqual([304, "", headers.etag]);
});

test("files outside the folder, folders and hidden files are not served", async () => {
  const ask = release("check(1)");
  for (const path of ["/static/", "/static", "/static/..%2f..%2fetc/passwd", "/static/.env"]) {
    expect([path, (await ask({}, path)).statusCode]).toEqual([path, 404]);
  }
});
