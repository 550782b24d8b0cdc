import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import * as esbuild from "esbuild";
import * as tar from "tar";
import { buildArchive } from "../../infra/archive.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Where one run keeps what it builds, inside the checkout so that packages are found. */
export class WorkFolder implements Disposable {
  readonly path: string;

  constructor() {
    const parent = join(ROOT, ".phoenix", "bench");
    mkdirSync(parent, { recursive: true });
    this.path = mkdtempSync(join(parent, "run-"));
  }

  /**
   * Compiles one of the servers. Packages stay outside and are loaded from node_modules; so no
   * server's figures hold what Node needs to strip types.
   */
  compile(source: string): string {
    const to = join(this.path, basename(source).replace(/\.ts$/, ".mjs"));
    esbuild.buildSync({
      entryPoints: [join(import.meta.dirname, "servers", source)],
      outfile: to,
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
      target: "node24",
      logLevel: "error",
    });
    return to;
  }

  /** Builds the archive that a deployment would upload, and unpacks it as Cloud Run does. */
  unpackService(): ServiceFolder {
    const { path, files } = buildArchive();
    const directory = this.folder("service");
    tar.extract({ sync: true, file: path, cwd: directory });
    return { directory, files: files.map((file) => file.path) };
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

export interface ServiceFolder {
  readonly directory: string;
  /** Paths inside the archive. */
  readonly files: readonly string[];
}
