import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tar from "tar";
import { buildArchive } from "../../infra/bundle/archive.ts";

/** Two bundles of the service that differ in one file. */
export interface Bundles {
  readonly archive: ReturnType<typeof buildArchive>;
  /** Path of the changed bundle. */
  readonly other: string;
  /** Text that only the changed bundle's `/static/style.css` contains. */
  readonly mark: string;
  remove(): void;
}

export function buildBundles(): Bundles {
  const archive = buildArchive();
  const work = mkdtempSync(join(tmpdir(), "phoenix-chaos-"));
  const stage = join(work, "stage");
  mkdirSync(stage);
  tar.extract({ sync: true, file: archive.path, cwd: stage });
  const mark = "/* the other bundle */";
  appendFileSync(join(stage, "http", "public", "style.css"), `\n${mark}\n`);
  const other = join(work, "other.tar.gz");
  tar.create({ sync: true, cwd: stage, file: other, gzip: true, portable: true }, ["."]);
  return {
    archive,
    other,
    mark,
    remove: () => rmSync(work, { recursive: true, force: true }),
  };
}
