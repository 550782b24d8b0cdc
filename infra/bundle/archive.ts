import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import * as tar from "tar";
import { compileForBrowsers, compileForNode } from "./compile.ts";

/** A file of the archive. */
interface ArchivedFile {
  /** Path inside the archive, with slashes. */
  readonly path: string;
  readonly bytes: number;
}

/** The archive that Cloud Run runs: the compiled service and its files. */
export interface Archive {
  /** Absolute path of the tar.gz. */
  readonly path: string;
  /** Size of the tar.gz. */
  readonly bytes: number;
  /** SHA-256 of the tar.gz in hexadecimal; also its file name without `.tar.gz`. */
  readonly sha256: string;
  /** Its files, sorted by path. */
  readonly files: readonly ArchivedFile[];
}

const REPOSITORY = dirname(dirname(import.meta.dirname));
const ARCHIVE = ".tar.gz";

/** Number of archives that are kept. */
const KEPT_ARCHIVES = 5;
/** Minimum age of a removed file in ms: another process may be about to read a younger one. */
const KEPT_AGE = 60 * 60 * 1000;

/** The archive's programs, without `.js`, and their source files. */
export const PROGRAMS = { index: "service/server.ts", rotator: "service/rotator/server.ts" };

/** Sources of pages' scripts: `page/main.ts` is compiled to `public/page.js` in the same folder. */
const PAGE = /(?<=^|\/)page\/main\.ts$/;

/**
 * Files of `service/` that are not copied, besides hidden ones. `gha-creds-*.json`: credentials
 * that google-github-actions/auth writes.
 */
const NOT_COPIED = /\.ts$|\.md$|^Dockerfile$|(^|\/)gha-creds-[^/]*\.json$/;

/**
 * Compiles `service/` and packs the result with the other files of `service/`. The build is
 * reproducible: order, times, owners and modes are fixed, and no absolute path is in the archive.
 *
 * @param root - the checkout to build; default: this one
 * @throws BundleError if the service doesn't compile or one of its programs is missing
 */
export function buildArchive(root: string = REPOSITORY): Archive {
  const directory = join(root, ".phoenix", "bundle");
  mkdirSync(directory, { recursive: true });
  const work = mkdtempSync(join(directory, "work-"));
  try {
    const stage = join(work, "stage");
    mkdirSync(stage);
    compileForNode(root, PROGRAMS, stage);
    const scripts: Record<string, string> = {};
    const service = join(root, "service");
    for (const { path } of listFiles(service)) {
      // Such as .DS_Store, or an .env with secrets.
      if (isHidden(path)) continue;
      if (PAGE.test(path)) scripts[path.replace(PAGE, "public/page")] = `service/${path}`;
      else if (!NOT_COPIED.test(path)) cpSync(join(service, path), join(stage, path));
    }
    compileForBrowsers(root, scripts, stage);
    const files = listFiles(stage);
    const packed = join(work, "archive.tar.gz");
    pack(stage, files, packed);
    const content = readFileSync(packed);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const path = join(directory, sha256 + ARCHIVE);
    renameSync(packed, path);
    prune(directory, path);
    return { path, bytes: content.length, sha256, files };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function isHidden(path: string): boolean {
  return /(?:^|\/)\./.test(path);
}

/** All files in a folder and those below it, sorted by path. */
function listFiles(directory: string): ArchivedFile[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = relative(directory, file).split(sep).join(posix.sep);
      return { path, bytes: statSync(file).size };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function pack(stage: string, files: readonly ArchivedFile[], to: string): void {
  // The modes depend on the builder's umask.
  for (const { path } of files) chmodSync(join(stage, path), 0o644);
  tar.create(
    {
      sync: true,
      cwd: stage,
      file: to,
      gzip: { level: 9 },
      portable: true,
      mtime: new Date(0),
    },
    files.map(({ path }) => path),
  );
}

/** Removes all but the last few archives, and the work folders of interrupted builds. */
function prune(directory: string, current: string): void {
  const now = new Date();
  utimesSync(current, now, now);
  const entries = readdirSync(directory)
    .map((name) => ({ name, time: modified(join(directory, name)) }))
    .sort((a, b) => b.time - a.time);
  const archives = entries.filter(({ name }) => name.endsWith(ARCHIVE));
  const leftovers = entries.filter(({ name }) => !name.endsWith(ARCHIVE));
  for (const { name, time } of [...archives.slice(KEPT_ARCHIVES), ...leftovers]) {
    const old = now.getTime() - time > KEPT_AGE;
    if (old) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/** Modification time in ms; 0 if another process has just removed the file. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
