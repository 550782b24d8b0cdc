import { writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { BundleError } from "./bundleError.ts";

/** Source files, by the path of the compiled program without `.js`. */
type Entries = Readonly<Record<string, string>>;

const COMMON = {
  bundle: true,
  legalComments: "none",
  // Paths in a linked node_modules start at the link, not at its target.
  preserveSymlinks: true,
  logLevel: "silent",
} satisfies esbuild.BuildOptions;

/**
 * Whitespace is minified, because Node reads the whole file at each start. Identifiers are not, so
 * that stack traces stay readable; `keepNames` would cost a property per function at each start.
 */
const FOR_NODE = {
  ...COMMON,
  platform: "node",
  target: "node24",
  format: "cjs",
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 120,
  charset: "ascii",
  define: { "import.meta.dirname": "__dirname" },
  // Encoding tables stay separate files, which are read only when needed.
  loader: { ".json": "copy" },
  assetNames: "data/[name]-[hash]",
  // `import.meta` is empty in CommonJS. Code that uses it would fail only once deployed.
  logOverride: { "empty-import-meta": "error" },
} satisfies esbuild.BuildOptions;

const FOR_BROWSERS = {
  ...COMMON,
  charset: "utf8",
  platform: "browser",
  target: "es2022",
  format: "esm",
  minify: true,
} satisfies esbuild.BuildOptions;

/**
 * Compiles programs for Node to CommonJS and bundles their packages. A package that is only
 * imported dynamically (`await import("openid-client")`) becomes a file of its own in
 * `node_modules` below `directory`, which Node does not read at start.
 *
 * @param root - absolute path of the checkout
 * @param directory - absolute path of the folder to write to
 * @throws BundleError if a source file is missing or doesn't compile
 */
export function compileForNode(
  root: string,
  entries: Entries,
  directory: string,
  options: Pick<esbuild.BuildOptions, "sourcemap" | "sourcesContent"> = {},
): void {
  const late = latePackages(root, entries);
  const packages = late.map((name) => [`node_modules/${name}/index`, `node_modules/${name}`]);
  build(root, {
    ...FOR_NODE,
    ...options,
    external: late,
    entryPoints: entryPoints({ ...entries, ...Object.fromEntries(packages) }),
    outdir: directory,
  });
  // Inside a package of type "module", Node would otherwise load the programs as ES modules.
  writeFileSync(join(directory, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
}

/** Compiles scripts for browsers; see `compileForNode`. */
export function compileForBrowsers(root: string, entries: Entries, directory: string): void {
  build(root, { ...FOR_BROWSERS, entryPoints: entryPoints(entries), outdir: directory });
}

/** Packages that are only reached through dynamic imports. */
function latePackages(root: string, entries: Entries): string[] {
  const { inputs } = build(root, {
    ...FOR_NODE,
    entryPoints: entryPoints(entries),
    packages: "external",
    outdir: root,
    write: false,
  }).metafile;
  const early = new Set(Object.values(entries));
  // The loop adds to the set that it iterates over, and so follows imports transitively.
  for (const path of early) {
    for (const { path: imported, kind } of inputs[path]?.imports ?? []) {
      if (kind !== "dynamic-import") early.add(imported);
    }
  }
  const external = Object.values(inputs)
    .flatMap(({ imports }) => imports)
    .filter((imported) => imported.external && !isBuiltin(imported.path));
  return [...new Set(external.map(({ path }) => path))].filter((path) => !early.has(path));
}

/** Without `./`, esbuild would look for packages of these names. */
function entryPoints(entries: Entries): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).map(([to, from]) => [to, `./${from}`]));
}

function build(root: string, options: esbuild.BuildOptions) {
  try {
    return esbuild.buildSync({ ...options, absWorkingDir: root, metafile: true });
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
