import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

/** The sample application: every folder and file of this name belongs to it. */
const SAMPLE = "reels";

/** The application that takes its place, and where its source is kept. */
const NOTES = "test/adoption/notes/application.ts";
export const APPLICATION = "service/notes/application.ts";

/** The lines that plug an application in, and what they become; README.md says the same. */
export const EDITS: readonly Edit[] = [
  { file: "service/application.ts", from: "./reels/application.ts", to: "./notes/application.ts" },
  {
    file: "infra/commands/verify/application.ts",
    from: 'export { reelChecks as applicationChecks } from "./reels.ts";',
    to: "export const applicationChecks = [];",
  },
];

interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The application's source as it stands in `service/notes`, and in README.md. */
export function applicationSource(): string {
  return readFileSync(join(ROOT, NOTES), "utf8").replaceAll('"../../../service/', '"../');
}

/** Copies the repository to a folder: its files alone, and a link to its packages. */
export function copyRepository(to: string): void {
  cpSync(ROOT, to, {
    recursive: true,
    filter: (path) => !/^(?:node_modules|\.git|\.phoenix)$/.test(relative(ROOT, path)),
  });
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
}

/** Puts the application in the sample's place. */
export function replaceSample(copy: string): void {
  for (const part of ["service", "infra", "test"]) {
    const entries = readdirSync(join(copy, part), { recursive: true, withFileTypes: true });
    for (const { parentPath, name } of entries) {
      if (name === SAMPLE || name.startsWith(`${SAMPLE}.`)) {
        rmSync(join(parentPath, name), { recursive: true, force: true });
      }
    }
  }
  write(copy, APPLICATION, applicationSource());
  for (const { file, from, to } of EDITS) {
    const source = readFileSync(join(copy, file), "utf8");
    if (!source.includes(from)) throw new Error(`${file} does not plug the sample in: ${from}`);
    write(copy, file, source.replace(from, to));
  }
}

/** Files that are in the repository and in the copy, with another content there. */
export function changedFiles(copy: string): string[] {
  const changed: string[] = [];
  for (const part of readdirSync(copy).filter((name) => name !== "node_modules")) {
    for (const path of filesIn(copy, part)) {
      const before = readIfThere(join(ROOT, path));
      if (before !== undefined && !before.equals(readFileSync(join(copy, path)))) {
        changed.push(path);
      }
    }
  }
  return changed;
}

function filesIn(root: string, part: string): string[] {
  const entries = readdirSync(root, { withFileTypes: true }).filter(({ name }) => name === part);
  return entries.flatMap((entry) =>
    entry.isFile()
      ? [part]
      : readdirSync(join(root, part), { recursive: true, withFileTypes: true })
          .filter((below) => below.isFile())
          .map(({ parentPath, name }) => relative(root, join(parentPath, name))),
  );
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function write(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
