import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Archive } from "../../infra/bundle/archive.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** The service does not compile; the message is the compiler's. */
class RebuildError extends Error {
  readonly code = "REBUILD_FAILED";
}

/** Builds the archive in a process of its own, so that the balancer keeps serving meanwhile. */
export function rebuild(): Promise<Archive> {
  const { promise, resolve, reject } = Promise.withResolvers<Archive>();
  const args = [join(REPOSITORY, "infra", "commands", "bundle.ts"), "--json"];
  execFile(process.execPath, args, { cwd: REPOSITORY }, (error, stdout, stderr) => {
    if (error) reject(new RebuildError(stderr.trim() || error.message));
    else resolve(JSON.parse(stdout) as Archive);
  });
  return promise;
}
