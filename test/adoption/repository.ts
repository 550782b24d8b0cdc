import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

/** The instructions in README.md for replacing the sample application. */
interface Instructions {
  /** Shell commands that remove the sample. */
  readonly commands: string;
  /** Code by file. */
  readonly code: ReadonlyMap<string, string>;
}

/** @throws Error if the section has another form */
export function readInstructions(): Instructions {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const [, section = ""] =
    /^## Put your own application in its place\n(.*?)^## /ms.exec(readme) ?? [];
  const [, commands] = /^```sh\n(.*?)^```$/ms.exec(section) ?? [];
  if (commands === undefined)
    throw new Error("README.md has no commands that take the sample out.");
  const blocks = section.matchAll(/`([\w./]+\.ts)`:\n\n```ts\n(.*?)^```$/gms);
  return {
    commands,
    code: new Map(Array.from(blocks, ([, file = "", code = ""]) => [file, code])),
  };
}

/** Copies the repository's files to a folder, and links its packages. */
export function copyRepository(to: string): void {
  cpSync(ROOT, to, {
    recursive: true,
    filter: (path) => !/^(?:node_modules|\.git|\.phoenix)$/.test(relative(ROOT, path)),
  });
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
}

/**
 * Follows the instructions in a copy: writes new files, and replaces the export in existing ones.
 */
export function follow({ commands, code }: Instructions, copy: string): void {
  execFileSync("sh", ["-e", "-c", commands], { cwd: copy });
  for (const [file, lines] of code) {
    const path = join(copy, file);
    const plugged = existsSync(path)
      ? readFileSync(path, "utf8").replace(/^export .*\n/m, lines)
      : lines;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, plugged);
  }
}

/** Files of the repository whose content differs in the copy; sorted. */
export function changedFiles(copy: string): string[] {
  return readdirSync(copy, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(copy, join(parentPath, name)))
    .filter((path) => {
      const before = join(ROOT, path);
      return existsSync(before) && !readFileSync(before).equals(readFileSync(join(copy, path)));
    })
    .toSorted();
}
