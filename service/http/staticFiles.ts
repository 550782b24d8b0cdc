import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import express, { type RequestHandler } from "express";

/**
 * Serves a folder's files, which don't change while the process lives. ETags are hashes of the
 * content, not of size and time: all files of an archive have the same time, so a changed file of the
 * same size would count as unchanged.
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
    // Hashed at the first request, which keeps cold starts short.
    tags ??= tagsOf(root);
    serve(req, res, next);
  };
}

function tagsOf(root: string): Map<string, string> {
  return new Map(
    filesIn(root).map((path) => [path, `"${hash("sha256", readFileSync(path), "base64url")}"`]),
  );
}

/** Paths of all files in a folder and those below it; none if there is no such folder. */
function filesIn(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
