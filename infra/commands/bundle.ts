import { relative } from "node:path";
import { type Archive, buildArchive } from "../bundle/archive.ts";
import { BundleError } from "../bundle/bundleError.ts";
import { parseCommandLine, UsageError } from "./commandLine.ts";

const USAGE = `Usage: npm run bundle [-- --json]

Compiles service/ and packs it into the archive that Cloud Run runs: the same tree gives the same
bytes. Prints the archive's path, size and SHA-256, and what is in it.

  --json       print the same as one line of JSON
  -h, --help   print this
`;

/** `npm run bundle`: builds the archive that a deployment would upload. Returns the exit status. */
function main(args: string[]): number {
  try {
    const commandLine = parseCommandLine(args, { json: "flag" });
    if (commandLine === "help") {
      process.stdout.write(USAGE);
      return 0;
    }
    const archive = buildArchive();
    const { json } = commandLine.values;
    process.stdout.write(json ? `${JSON.stringify(archive)}\n` : describe(archive));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\nSee npm run bundle -- --help.\n`);
      return 2;
    }
    if (!(error instanceof BundleError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

function describe({ path, bytes, sha256, files }: Archive): string {
  const contents = files.map((file) => `  ${formatSize(file.bytes).padStart(9)}  ${file.path}`);
  return [
    ...contents,
    "",
    `Path     ${relative(process.cwd(), path)}`,
    `Size     ${formatSize(bytes)} (${bytes} bytes, ${files.length} files)`,
    `SHA-256  ${sha256}`,
    "",
  ].join("\n");
}

function formatSize(bytes: number): string {
  return bytes < 1_000_000
    ? `${(bytes / 1_000).toFixed(1)} kB`
    : `${(bytes / 1_000_000).toFixed(2)} MB`;
}

process.exitCode = main(process.argv.slice(2));
