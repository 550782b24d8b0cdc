import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as esbuild from "esbuild";
import { BundleError } from "./bundleError.ts";

const COMMON = {
  bundle: true,
  write: false,
  legalComments: "none",
  // A linked node_modules goes by the name of the link, not by the place it leads to.
  preserveSymlinks: true,
  logLevel: "silent",
} satisfies esbuild.BuildOptions;

/**
 * Packages that no start needs. Each is compiled into a file of its own, where `require` finds it,
 * so that a start doesn't read them.
 */
const LATE = [
  "body-parser",
  "express-session",
  "google-auth-library",
  "ipaddr.js",
  "openid-client",
  "qs",
  "session-file-store",
];

/**
 * Packages that every start would load, and what the service has in their place: `npm run
 * bench:start` shows what that saves. A stand-in reaches its package itself, late, by the name of
 * the package's file.
 */
const LEAN = {
  assert: "./service/lean/assert.cjs",
  "body-parser": "./service/lean/bodyParser.cjs",
  "body-parser/index.js": "body-parser",
  debug: "./service/lean/debug.cjs",
  depd: "./service/lean/depd.cjs",
  "iconv-lite": "./service/lean/iconvLite.cjs",
  "ipaddr.js": "./service/lean/ipaddr.cjs",
  "ipaddr.js/lib/ipaddr.js": "ipaddr.js",
  "mime-db": "./service/lean/mimeDb.json",
  qs: "./service/lean/qs.cjs",
  "qs/lib/index.js": "qs",
  "side-channel": "./service/lean/sideChannel.cjs",
  "thread-stream": "./service/lean/threads.cjs",
  worker_threads: "./service/lean/threads.cjs",
};

/**
 * How programs for Node are compiled: small, because Node reads the whole text at each start, and
 * with the names and lines that make a stack in the log worth reading. Where two modules use the
 * same name, one of them gets a number; `keepNames` would undo that, and define a property on every
 * function at each start.
 */
export const FOR_NODE = {
  ...COMMON,
  platform: "node",
  target: "node24",
  format: "cjs",
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 120,
  charset: "ascii",
  define: { "import.meta.dirname": "__dirname" },
  external: LATE,
  alias: LEAN,
  // Empty in CommonJS: what needs it would fail on its first use, once deployed.
  logOverride: { "empty-import-meta": "error" },
} satisfies esbuild.BuildOptions;

export const FOR_BROWSERS = {
  ...COMMON,
  charset: "utf8",
  platform: "browser",
  target: "es2022",
  format: "esm",
  minify: true,
} satisfies esbuild.BuildOptions;

/**
 * Compiles a file, or a package's folder.
 *
 * @returns the packages that the output loads late
 * @throws BundleError if it is missing or does not compile
 */
export function compile(
  root: string,
  from: string,
  to: string,
  options: esbuild.BuildOptions,
): readonly string[] {
  if (!existsSync(join(root, from))) throw new BundleError(`${from} is missing.`);
  const { code, late } = bundle({
    ...options,
    absWorkingDir: root,
    entryPoints: [from],
    outfile: to,
  });
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, code);
  return late;
}

function bundle(options: esbuild.BuildOptions): { code: Uint8Array; late: readonly string[] } {
  try {
    const built = esbuild.buildSync({ ...options, write: false, metafile: true });
    const [output] = built.outputFiles;
    if (output === undefined) throw new BundleError("esbuild returned no output.");
    const imports = Object.values(built.metafile.outputs).flatMap((file) => file.imports);
    const late = imports.map(({ path }) => path).filter((path) => LATE.includes(path));
    return { code: output.contents, late };
  } catch (error) {
    throw isBuildFailure(error) ? new BundleError(describe(error)) : error;
  }
}

function isBuildFailure(error: unknown): error is esbuild.BuildFailure {
  return (
    typeof error === "object" && error !== null && "errors" in error && Array.isArray(error.errors)
  );
}

function describe(failure: esbuild.BuildFailure): string {
  const messages = esbuild.formatMessagesSync(failure.errors, { kind: "error" });
  return `\n\n${messages.join("").trim()}\n`;
}
