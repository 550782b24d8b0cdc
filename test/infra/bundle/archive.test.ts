import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import * as tar from "tar";
import { type Archive, buildArchive } from "../../../infra/bundle/archive.ts";

const ROOT = join(__dirname, "..", "..", "..");

const temporary: string[] = [];
afterAll(() => {
  for (const directory of temporary) rmSync(directory, { recursive: true, force: true });
});

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "phoenix-archive-"));
  temporary.push(directory);
  return directory;
}

/** A checkout with a service of a few lines. */
function smallCheckout(files: Readonly<Record<string, string>> = {}): string {
  const root = temporaryDirectory();
  const all = {
    "service/server.ts": 'import { greet } from "./greet.ts";\nclass Web {}\ngreet(new Web());\n',
    "service/greet.ts": "export const greet = (it: object) => console.log(it.constructor.name);\n",
    "service/rotator/server.ts": "console.log(import.meta.dirname);\n",
    "service/notes/page/main.ts": "document.title satisfies string;\n",
    "service/notes/public/style.css": "body {}\n",
    "service/notes/one.png": "picture",
    "service/README.md": "# Service\n",
    "service/Dockerfile": "FROM node\n",
    ...files,
  };
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

function unpack({ path }: Archive): string {
  const directory = temporaryDirectory();
  tar.extract({ sync: true, file: path, cwd: directory });
  return directory;
}

function paths({ files }: Archive): string[] {
  return files.map(({ path }) => path);
}

/** Compiled scripts of pages. */
const PAGES = filesUnder("service")
  .filter((path) => path.endsWith("/page/main.ts"))
  .map((path) => path.replace("/page/main.ts", "/public/page.js"));

function filesUnder(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(ROOT, directory).length + 1));
}

describe("the service's archive", () => {
  let archive: Archive;
  let directory: string;
  beforeAll(() => {
    archive = buildArchive();
    directory = unpack(archive);
  });

  test("is named by the SHA-256 of its bytes", () => {
    const content = readFileSync(archive.path);
    expect(archive.sha256).toBe(createHash("sha256").update(content).digest("hex"));
    expect(archive.path).toBe(join(ROOT, ".phoenix", "bundle", `${archive.sha256}.tar.gz`));
    expect(archive.bytes).toBe(content.length);
  });

  test("has the same bytes if built from another checkout of the same sources", () => {
    const other = temporaryDirectory();
    for (const path of ["service", "package.json", "tsconfig.json"]) {
      cpSync(join(ROOT, path), join(other, path), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(other, "node_modules"));
    const twin = buildArchive(other);
    expect(twin.path).not.toBe(archive.path);
    expect(twin.sha256).toBe(archive.sha256);
  });

  test("contains the two programs, their lazily loaded packages and data, the pages' scripts, and all other files of the service except documents", () => {
    const expected = [
      "index.js",
      "node_modules/express-session/index.js",
      "node_modules/google-auth-library/index.js",
      "node_modules/jose/index.js",
      "node_modules/openid-client/index.js",
      "node_modules/session-file-store/index.js",
      "package.json",
      "rotator.js",
      ...filesUnder("service")
        .filter((path) => !/\.ts$|\.md$|^Dockerfile$/.test(path))
        .concat(PAGES),
    ];
    const tables = paths(archive).filter((path) => path.startsWith("data/"));
    const others = paths(archive).filter((path) => !tables.includes(path));
    expect(others).toEqual(expected.sort());
    expect(tables.filter((path) => !/^data\/[\w-]+-[A-Z\d]{8}\.json$/.test(path))).toEqual([]);
    expect(tables.some((path) => path.startsWith("data/shiftjis-"))).toBe(true);
    const unpacked = readdirSync(directory, { recursive: true, withFileTypes: true });
    expect(unpacked.filter((entry) => entry.isFile())).toHaveLength(archive.files.length);
  });

  test("contains no path of the build machine, and no source map", () => {
    for (const path of ["index.js", "rotator.js", ...PAGES]) {
      const script = readFileSync(join(directory, path), "utf8");
      expect(script.includes(ROOT)).toBe(false);
      expect(homedir().length > 5 && script.includes(homedir())).toBe(false);
      expect(script.includes("sourceMappingURL")).toBe(false);
    }
  });

  test("has programs in ASCII, which Node stores with one byte for each character", () => {
    const programs = paths(archive).filter((path) =>
      /^(index|rotator|node_modules.*)\.js$/.test(path),
    );
    expect(programs.length).toBeGreaterThan(5);
    for (const path of programs) {
      const foreign = readFileSync(join(directory, path)).find((byte) => byte > 0x7f);
      expect([path, foreign]).toEqual([path, undefined]);
    }
  });

  test("has a web program without the rotator's code, and nothing of test or infra", () => {
    const web = readFileSync(join(directory, "index.js"), "utf8");
    const rotator = readFileSync(join(directory, "rotator.js"), "utf8");
    for (const word of ["SECRET_ROTATE", "addVersion"]) expect(web.includes(word)).toBe(false);
    for (const word of ["oidc-provider", "@pulumi"]) {
      expect(web.includes(word)).toBe(false);
      expect(rotator.includes(word)).toBe(false);
    }
  });

  test("keeps the name of every class of the service, because errors have the names of their classes", () => {
    const declared = filesUnder("service")
      .filter((path) => path.endsWith(".ts") && !path.includes("/page/"))
      .map((path) => readFileSync(join(ROOT, "service", path), "utf8"))
      .flatMap((source) => [...source.matchAll(/^(?:export )?class (\w+)/gm)])
      .map(([, name]) => name);
    const compiled = ["index.js", "rotator.js"]
      .map((path) => readFileSync(join(directory, path), "utf8"))
      .flatMap((text) => [...text.matchAll(/([\w$]+)\s*=\s*class\b|\bclass\s+([\w$]+)/g)])
      .map(([, variable, name]) => variable ?? name ?? "");
    expect(compiled).toEqual(
      expect.arrayContaining(["ConfigError", "RotationError", "SignInError"]),
    );
    const numbered = compiled.filter((name) => declared.includes(name.replace(/\d+$/, "")));
    expect(numbered.filter((name) => !declared.includes(name))).toEqual([]);
  });

  test("has files with mode 644, no owner and the time 0", () => {
    const entries: tar.ReadEntry[] = [];
    tar.list({ sync: true, file: archive.path, onReadEntry: (entry) => entries.push(entry) });
    for (const entry of entries) {
      expect(entry.type).toBe("File");
      expect(entry.mode).toBe(0o644);
      expect(entry.mtime).toEqual(new Date(0));
      expect([entry.uid, entry.gid, entry.uname, entry.gname]).toEqual([
        undefined,
        undefined,
        "",
        "",
      ]);
    }
  });
});

describe("building", () => {
  test("the same sources give the same bytes, whatever the umask and the files' times", () => {
    const root = smallCheckout();
    const first = buildArchive(root);
    utimesSync(join(root, "service/notes/one.png"), new Date(1e12), new Date(1e12));
    const umask = process.umask(0o077);
    const second = buildArchive(root);
    process.umask(umask);
    expect(second).toEqual(first);
  });

  test("sources that differ in one byte give another digest", () => {
    const one = buildArchive(smallCheckout());
    const other = buildArchive(smallCheckout({ "service/notes/one.png": "another" }));
    expect(other.sha256).not.toBe(one.sha256);
  });

  // ASVS 13.3.1
  test("excludes hidden files and credentials of workflows", () => {
    const root = smallCheckout({
      "service/gha-creds-0123456789abcdef.json": "hidden",
      "service/notes/gha-creds-0123456789abcdef.json": "hidden",
      "service/notes/.env": "SECRET_KEY=hidden",
      "service/.notes/secret.txt": "hidden",
      "service/notes/public/.DS_Store": "",
      ".env": "SECRET_KEY=hidden",
    });
    expect(paths(buildArchive(root))).toEqual([
      "index.js",
      "notes/one.png",
      "notes/public/page.js",
      "notes/public/style.css",
      "package.json",
      "rotator.js",
    ]);
  });

  test("keeps the names of classes", () => {
    const directory = unpack(buildArchive(smallCheckout()));
    expect(execFileSync(process.execPath, ["index.js"], { cwd: directory }).toString()).toBe(
      "Web\n",
    );
  });

  test("the programs run as CommonJS, even inside a package of type module", () => {
    const root = temporaryDirectory();
    writeFileSync(join(root, "package.json"), '{"type":"module"}');
    const directory = join(root, "unpacked");
    mkdirSync(directory);
    tar.extract({ sync: true, file: buildArchive(smallCheckout()).path, cwd: directory });
    expect(execFileSync(process.execPath, ["index.js"], { cwd: directory }).toString()).toBe(
      "Web\n",
    );
  });

  test("puts a dynamically imported package into a file of its own, also if our own file imports it", () => {
    const root = smallCheckout({
      "service/greet.ts": 'export const greet = async () => (await import("./late.ts")).late;\n',
      "service/late.ts": 'import late from "late";\nexport { late };\n',
      "service/rotator/server.ts": 'import "early";\nvoid import("early");\n',
      "node_modules/late/index.js": "module.exports = 'late';",
      "node_modules/early/index.js": "module.exports = 'early';",
    });
    const files = paths(buildArchive(root));
    expect(files).toContain("node_modules/late/index.js");
    expect(files).not.toContain("node_modules/early/index.js");
  });

  test("resolves import.meta.dirname to the program's folder", () => {
    const directory = unpack(buildArchive(smallCheckout()));
    const output = execFileSync(process.execPath, [join(directory, "rotator.js")]);
    expect(output.toString().trim()).toBe(directory);
  });

  test("a syntax error is reported with its location", () => {
    const root = smallCheckout({ "service/greet.ts": "export const greet = ;\n" });
    expect(() => buildArchive(root)).toThrow(
      expect.objectContaining({
        code: "BUNDLE_FAILED",
        message: expect.stringMatching(/service\/greet\.ts:1:21/),
      }),
    );
  });

  test("other uses of import.meta are refused, because they would be undefined", () => {
    const root = smallCheckout({ "service/greet.ts": "export const greet = import.meta.url;\n" });
    expect(() => buildArchive(root)).toThrow(expect.objectContaining({ code: "BUNDLE_FAILED" }));
  });

  test("a missing program is named", () => {
    const root = smallCheckout();
    rmSync(join(root, "service/rotator"), { recursive: true });
    expect(() => buildArchive(root)).toThrow(/not resolve "\.\/service\/rotator\/server\.ts"/);
  });

  test("leaves only archives behind, even after a failure", () => {
    const root = smallCheckout();
    const { sha256 } = buildArchive(root);
    rmSync(join(root, "service/server.ts"));
    expect(() => buildArchive(root)).toThrow();
    expect(readdirSync(join(root, ".phoenix/bundle"))).toEqual([`${sha256}.tar.gz`]);
  });

  test("removes old archives, and keeps the latest", () => {
    const root = smallCheckout();
    const directory = join(root, ".phoenix/bundle");
    mkdirSync(directory, { recursive: true });
    const old = Array.from({ length: 8 }, (_, age) => join(directory, `${age}.tar.gz`));
    for (const [age, path] of old.entries()) {
      const time = new Date(Date.now() - (age + 2) * 60 * 60 * 1000);
      writeFileSync(path, "");
      utimesSync(path, time, time);
    }
    const { sha256 } = buildArchive(root);
    const expected = ["0.tar.gz", "1.tar.gz", "2.tar.gz", "3.tar.gz", `${sha256}.tar.gz`];
    expect(readdirSync(directory)).toEqual(expected.sort());
  });
});
