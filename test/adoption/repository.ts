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

export const ROOT = join(import.meta.dirname, "..", "..");

/** What README.md says about putting another application in the sample's place. */
export interface Instructions {
  /** Shell commands that take the sample out. */
  readonly commands: string;
  /** Lines of code by the file that they belong to. */
  readonly code: ReadonlyMap<string, string>;
}

/** @throws Error if the section is not written as expected. */
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

/** Copies the repository to a folder: its files alone, and a link to its packages. */
export function copyRepository(to: string): void {
  cpSync(ROOT, to, {
    recursive: true,
    filter: (path) => !/^(?:node_modules|\.git|\.phoenix)$/.test(relative(ROOT, path)),
  });
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
}

/** Follows the instructions in a copy: new files are written, of others the line that exports. */
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

/** Files that are in the repository and in the copy, with another content there; sorted. */
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
