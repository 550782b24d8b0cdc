import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, posix, relative, sep } from "node:path";
import type { BuildOptions } from "esbuild";
import * as tar from "tar";
import { BundleError } from "./bundleError.ts";
import { compile, FOR_BROWSERS, FOR_NODE } from "./compile.ts";

/** A file of the archive. */
export interface ArchivedFile {
  /** Path inside the archive, with slashes. */
  readonly path: string;
  readonly bytes: number;
}

/** What is uploaded and run: the service, compiled, with its files. */
export interface Archive {
  /** Absolute path of the tar.gz. */
  readonly path: string;
  /** Size of the tar.gz. */
  readonly bytes: number;
  /** Digest of the tar.gz in hexadecimal; also its name. */
  readonly sha256: string;
  /** What is in it, sorted by path. */
  readonly files: readonly ArchivedFile[];
}

const REPOSITORY = dirname(dirname(import.meta.dirname));
const ARCHIVE = ".tar.gz";

/** Archives that stay, so that going back to a tree of before finds its archive. */
const KEPT_ARCHIVES = 5;
/** ...and none this young goes (milliseconds): another process may be about to read it. */
const KEPT_AGE = 60 * 60 * 1000;

const COMPILED: readonly { from: string; to: string; options: BuildOptions }[] = [
  { from: "service/server.ts", to: "index.js", options: FOR_NODE },
  { from: "service/rotator/server.ts", to: "rotator.js", options: FOR_NODE },
  { from: "service/reels/page/main.ts", to: "public/reel-maker.js", options: FOR_BROWSERS },
];

const COPIED = [
  { from: "service/public", to: "public" },
  { from: "service/reels/clips", to: "reels/clips" },
];

/** So that Node takes the programs for CommonJS wherever they are unpacked. */
const PACKAGE = `${JSON.stringify({ type: "commonjs" })}\n`;

/**
 * Compiles `service/` and packs it with its files. The same tree gives the same bytes, whoever
 * builds it and wherever: order, times, owners and modes are fixed, and no path gets in.
 *
 * @param root - the checkout to build; this one if left out
 * @throws BundleError if the service does not compile or a part of it is missing
 */
export function buildArchive(root: string = REPOSITORY): Archive {
  const directory = join(root, ".phoenix", "bundle");
  mkdirSync(directory, { recursive: true });
  const work = mkdtempSync(join(directory, "work-"));
  try {
    const stage = join(work, "stage");
    mkdirSync(stage);
    for (const { from, to } of COPIED) copy(root, from, join(stage, to));
    const late = COMPILED.flatMap(({ from, to, options }) =>
      compile(root, from, join(stage, to), options),
    );
    for (const name of new Set(late)) {
      const folder = `./node_modules/${name}`;
      compile(root, folder, join(stage, folder, "index.js"), FOR_NODE);
    }
    writeFileSync(join(stage, "package.json"), PACKAGE);
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

function copy(root: string, from: string, to: string): void {
  const source = join(root, from);
  if (!existsSync(source)) throw new BundleError(`${from} is missing.`);
  // What begins with a dot belongs to somebody's desktop or editor.
  cpSync(source, to, { recursive: true, filter: (path) => !basename(path).startsWith(".") });
}

function listFiles(stage: string): ArchivedFile[] {
  return readdirSync(stage, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = relative(stage, file).split(sep).join(posix.sep);
      return { path, bytes: statSync(file).size };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function pack(stage: string, files: readonly ArchivedFile[], to: string): void {
  // Whatever the builder's umask is.
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

/** Removes archives of earlier builds but the last few, and what interrupted builds left. */
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

/** Milliseconds; 0 for what another process has just removed. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
