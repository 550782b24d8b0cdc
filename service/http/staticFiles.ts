import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import express, { type RequestHandler } from "express";

/**
 * Serves the files of a folder, which must not change while the process runs. ETags are hashes of
 * the content. Express's own derive from size and time, and all files of an archive have the same
 * time.
 */
export function staticFiles(directory: string): RequestHandler {
  const root = resolve(directory);
  let tags: ReadonlyMap<string, string> | undefined;
  const serve = express.static(root, {
    index: false,
    redirect: false,
    lastModified: false,
    setHeaders(res, path) {
      const tag = tags?.get(path);
      if (tag !== undefined) res.setHeader("ETag", tag);
    },
  });
  return (req, res, next) => {
    // Hashes the files at the first request, not at startup, to keep cold starts short.
    tags ??= tagsOf(root);
    serve(req, res, next);
  };
}

function tagsOf(root: string): Map<string, string> {
  return new Map(
    filesIn(root).map((path) => [path, `"${hash("sha256", readFileSync(path), "base64url")}"`]),
  );
}

/** Paths of all files below a folder; none if the folder does not exist. */
function filesIn(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
