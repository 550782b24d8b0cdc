import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROGRAMS } from "../../infra/bundle/archive.ts";
import { compileForNode } from "../../infra/bundle/compile.ts";

const REPOSITORY = dirname(dirname(import.meta.dirname));

/** Node options that enable source maps. */
export const SOURCE_MAPS = ["--enable-source-maps"] as const;

/**
 * Adds source maps to an unpacked archive, so that stack traces show the service's sources. Does
 * nothing if the sources have changed since, because the line numbers would be wrong.
 *
 * @param directory - the unpacked archive
 */
export function mapSources(directory: string): void {
  // A sibling folder, because a map's paths are relative to the map.
  const compiled = mkdtempSync(join(dirname(directory), "mapped-"));
  try {
    compileForNode(REPOSITORY, PROGRAMS, compiled, { sourcemap: "linked", sourcesContent: false });
    for (const program of Object.keys(PROGRAMS).map((name) => `${name}.js`)) {
      const code = readFileSync(join(compiled, program), "utf8");
      if (!code.startsWith(readFileSync(join(directory, program), "utf8"))) continue;
      renameSync(join(compiled, program), join(directory, program));
      renameSync(join(compiled, `${program}.map`), join(directory, `${program}.map`));
    }
  } catch {
    // No maps if the sources don't compile, or if the folder lacks the programs.
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
}
