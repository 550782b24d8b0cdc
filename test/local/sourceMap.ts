import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROGRAMS } from "../../infra/bundle/archive.ts";
import { compileForNode } from "../../infra/bundle/compile.ts";

const REPOSITORY = dirname(dirname(import.meta.dirname));

/** Arguments that make Node use source maps; as NODE_OPTIONS, too. */
export const SOURCE_MAPS = ["--enable-source-maps"] as const;

/**
 * Adds source maps to an unpacked archive, which has none, so that stacks name the service's
 * sources. Does nothing if the sources have changed since, because the lines would be wrong.
 *
 * @param directory - the unpacked archive
 */
export function mapSources(directory: string): void {
  // Beside it, because a map names sources by paths relative to itself.
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
    // Sources that don't compile any more, or a folder without the programs: no maps.
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
}
