import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import * as esbuild from "esbuild";
import * as tar from "tar";
import { buildArchive } from "../../infra/bundle/archive.ts";
import { compileForNode } from "../../infra/bundle/compile.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Build folder of a run, inside the checkout so that packages are found. */
export class WorkFolder implements Disposable {
  readonly path: string;

  constructor() {
    const parent = join(ROOT, ".phoenix", "bench");
    mkdirSync(parent, { recursive: true });
    this.path = mkdtempSync(join(parent, "run-"));
  }

  /**
   * Compiles one of the servers without its packages, which are loaded from node_modules, so that no
   * server's figures include the time to strip types.
   */
  compile(source: string, format: "esm" | "cjs" = "esm"): string {
    const extension = format === "esm" ? ".mjs" : ".cjs";
    const to = join(this.path, basename(source).replace(/\.ts$/, extension));
    esbuild.buildSync({
      entryPoints: [join(import.meta.dirname, "servers", source)],
      outfile: to,
      bundle: true,
      packages: "external",
      platform: "node",
      format,
      target: "node24",
      logLevel: "error",
    });
    return to;
  }

  /** Compiles one of the servers with its packages, as the service is compiled. */
  compileWhole(source: string): string {
    const directory = this.folder("whole");
    compileForNode(ROOT, { server: `test/bench/servers/${source}` }, directory);
    return join(directory, "server.js");
  }

  /** Builds the archive that a deployment would upload, and unpacks it as Cloud Run does. */
  unpackService(): ServiceFolder {
    const { path, files } = buildArchive();
    const directory = this.folder("service");
    tar.extract({ sync: true, file: path, cwd: directory });
    const programs = join(this.path, "programs.tar.gz");
    tar.create(
      { sync: true, cwd: directory, file: programs, gzip: { level: 9 }, portable: true },
      files.map((file) => file.path).filter((name) => name.endsWith(".js")),
    );
    return { directory, programBytes: statSync(programs).size };
  }

  folder(name: string): string {
    const path = join(this.path, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

interface ServiceFolder {
  readonly directory: string;
  /** Size of an archive with only the programs. */
  readonly programBytes: number;
}
