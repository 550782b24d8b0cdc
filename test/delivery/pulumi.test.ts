import { execFile } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { create } from "tar";

const REPOSITORY = join(import.meta.dirname, "../..");
const LOCK = { "node_modules/pulumi": "3.0.0", "node_modules/@pulumi/gcp": "9.0.0" };
const CLI = "pulumi-v3.0.0-linux-x64.tar.gz";
const PROVIDER = "pulumi-resource-gcp-v9.0.0-linux-amd64.tar.gz";

interface Ended {
  readonly code: number;
  readonly stderr: string;
}

describe(".github/pulumi/install", () => {
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "phoenix-pulumi-"));
    for (const created of [".github/pulumi", "bin", "releases", "pulumi"]) {
      mkdirSync(join(folder, created), { recursive: true });
    }
    copyFileSync(
      join(REPOSITORY, ".github/pulumi/install"),
      join(folder, ".github/pulumi/install"),
    );
    const packages = Object.fromEntries(
      Object.entries(LOCK).map(([name, version]) => [name, { version }]),
    );
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages }));
    writeFileSync(join(folder, ".github/pulumi/sha256"), "");
    executable("pulumi/pulumi", "echo v3.0.0");
    for (const file of [CLI, PROVIDER]) {
      await create({ gzip: true, cwd: folder, file: join(folder, "releases", file) }, ["pulumi"]);
    }
    executable(
      "bin/curl",
      'echo "${@: -1}" >> downloads; cp "releases/$(basename "${@: -1}")" "${@: -2:1}"',
    );
    executable("bin/npx", 'echo "$@" >> calls');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function executable(name: string, script: string): void {
    writeFileSync(join(folder, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }

  async function install(...args: string[]): Promise<Ended> {
    const PATH = `${join(folder, "bin")}${delimiter}${process.env.PATH}`;
    const env = { ...process.env, PATH, PULUMI_HOME: join(folder, "home") };
    const script = join(folder, ".github/pulumi/install");
    try {
      return { code: 0, ...(await promisify(execFile)(script, args, { cwd: folder, env })) };
    } catch (error) {
      return error as Ended;
    }
  }

  const written = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "";
  const installed = () => existsSync(join(folder, "home/versions/3.0.0/bin/pulumi"));

  test("without a committed digest it downloads nothing, and prints the command that records one", async () => {
    const { code, stderr } = await install();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `::error::There is no SHA-256 of ${CLI} in .github/pulumi/sha256. Run .github/pulumi/install --record, compare what it prints, and commit the file.\n`,
    );
    expect([written("downloads"), installed()]).toEqual(["", false]);
  });

  test("with the digests that --record wrote, it installs both where npx pulumi finds them", async () => {
    expect((await install("--record")).code).toBe(0);
    expect(written(".github/pulumi/sha256").split("\n")).toEqual([
      expect.stringMatching(`^[0-9a-f]{64}  ${CLI}$`),
      expect.stringMatching(`^[0-9a-f]{64}  ${PROVIDER}$`),
      "",
    ]);
    expect(installed()).toBe(false);

    expect(await install()).toMatchObject({ code: 0, stderr: "" });
    expect(installed()).toBe(true);
    expect(written("calls")).toMatch(
      /^pulumi plugin install resource gcp 9\.0\.0 --exact --file \S+\/pulumi-resource-gcp-v9\.0\.0-linux-amd64\.tar\.gz\n$/,
    );
    expect(written("downloads").split("\n")).toContain(
      `https://get.pulumi.com/releases/plugins/${PROVIDER}`,
    );
  });

  test.each([CLI, PROVIDER])("a %s with another digest is not installed", async (archive) => {
    await install("--record");
    writeFileSync(join(folder, "releases", archive), "something else");
    const { code, stderr } = await install();
    expect(code).toBe(1);
    expect(stderr).toContain(`::error::${archive} does not have the SHA-256`);
    expect([installed(), written("calls")]).toEqual([false, ""]);
  });
});

// After an update of either package: .github/pulumi/install --record.
test("each committed digest is for the version in the lock file", () => {
  const { packages } = JSON.parse(readFileSync(join(REPOSITORY, "package-lock.json"), "utf8"));
  const names = [
    `pulumi-v${packages["node_modules/pulumi"].version}-linux-x64.tar.gz`,
    `pulumi-resource-gcp-v${packages["node_modules/@pulumi/gcp"].version}-linux-amd64.tar.gz`,
  ];
  const lines = readFileSync(join(REPOSITORY, ".github/pulumi/sha256"), "utf8").match(/.+/g) ?? [];
  for (const line of lines) {
    const [digest, name] = line.split("  ");
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(names).toContain(name);
  }
});
