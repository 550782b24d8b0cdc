import { relative } from "node:path";
import { type Archive, buildArchive } from "../bundle/archive.ts";
import { type Terminal, terminal } from "./ask.ts";
import { createCommand, parseCommandLine } from "./commandLine.ts";

const HELP = `Usage: npm run bundle [-- --json]

Compiles service/ and packs it into the archive that a deployment uploads. The same sources give the
same bytes. Prints the archive's files, path, size and SHA-256.

  --json       Print one line of JSON in place of text (npm run --silent bundle -- --json).
  -h, --help   This text.
`;

function describe({ path, bytes, sha256, files }: Archive): string {
  const contents = files.map((file) => `  ${formatSize(file.bytes).padStart(9)}  ${file.path}`);
  return [
    ...contents,
    "",
    `Path     ${relative(process.cwd(), path)}`,
    `Size     ${formatSize(bytes)} (${bytes} bytes, ${files.length} files)`,
    `SHA-256  ${sha256}`,
  ].join("\n");
}

function formatSize(bytes: number): string {
  return bytes < 1_000_000
    ? `${(bytes / 1_000).toFixed(1)} kB`
    : `${(bytes / 1_000_000).toFixed(2)} MB`;
}

const bundle = createCommand({
  name: "bundle",
  help: HELP,
  parse: (args) => parseCommandLine(args, { json: "flag" }),
  async run({ values: { json } }, { print }: Terminal) {
    const archive = buildArchive();
    print(json ? JSON.stringify(archive) : describe(archive));
    return true;
  },
});

process.exitCode = await bundle(process.argv.slice(2), terminal);
