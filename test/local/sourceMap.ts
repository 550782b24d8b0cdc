import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as esbuild from "esbuild";
import { FOR_NODE } from "../../infra/bundle/compile.ts";

const REPOSITORY = dirname(dirname(import.meta.dirname));
const ENTRY = "service/server.ts";
const PROGRAM = "index.js";

/** Arguments that let Node follow what `mapSources` leaves; as NODE_OPTIONS, too. */
export const SOURCE_MAPS = ["--enable-source-maps"] as const;

/**
 * Lets the stacks of an unpacked archive's program name the service's sources. The archive has no
 * map, since what is deployed has none: the program is compiled again, here with one. If the
 * sources have changed since, the lines would be wrong, and nothing is done.
 *
 * @param directory - the unpacked archive
 */
export async function mapSources(directory: string): Promise<void> {
  const program = join(directory, PROGRAM);
  const compiled = await compile(program);
  if (compiled === undefined || !existsSync(program)) return;
  if (readFileSync(program, "utf8") !== compiled.code) return;
  writeFileSync(`${program}.map`, compiled.map);
  appendFileSync(program, `//# sourceMappingURL=${PROGRAM}.map\n`);
}

async function compile(
  program: string,
): Promise<{ readonly code: string; readonly map: string } | undefined> {
  try {
    const { outputFiles } = await esbuild.build({
      ...FOR_NODE,
      absWorkingDir: REPOSITORY,
      entryPoints: [ENTRY],
      outfile: program,
      sourcemap: "external",
      sourcesContent: false,
    });
    const code = outputFiles.find(({ path }) => path === program)?.text;
    const map = outputFiles.find(({ path }) => path === `${program}.map`)?.text;
    return code === undefined || map === undefined ? undefined : { code, map };
  } catch {
    return undefined; // does not compile any more
  }
}
