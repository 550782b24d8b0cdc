import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import * as tar from "tar";
import { atExit } from "./atExit.ts";

const LOCAL = join(import.meta.dirname, "..", "..", ".phoenix", "local");

/** The folder in which a run unpacks archives. It is removed when the process exits, in any way. */
export class RunFolder {
  readonly #path: string;
  readonly #cancel: () => void;

  constructor() {
    mkdirSync(LOCAL, { recursive: true });
    removeAbandoned();
    this.#path = mkdtempSync(join(LOCAL, `run-${process.pid}-`));
    this.#cancel = atExit(() => this.remove());
  }

  /** Unpacks an archive, as Cloud Run does when an instance starts; returns the folder. */
  unpack(archive: string): string {
    const directory = mkdtempSync(join(this.#path, `${basename(archive).slice(0, 12)}-`));
    tar.extract({ sync: true, file: archive, cwd: directory });
    return directory;
  }

  remove(): void {
    rmSync(this.#path, { recursive: true, force: true });
    this.#cancel();
  }
}

/** A file next to the runs' folders that is kept between runs. */
export function keptFile(name: string): string {
  mkdirSync(LOCAL, { recursive: true });
  return join(LOCAL, name);
}

/** Removes the folders of runs that were killed. */
function removeAbandoned(): void {
  for (const name of readdirSync(LOCAL)) {
    const [, pid] = /^run-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) {
      rmSync(join(LOCAL, name), { recursive: true, force: true });
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
