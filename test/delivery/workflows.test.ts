import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly id?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

interface Job {
  readonly if?: string;
  readonly needs?: string | readonly string[];
  readonly with?: Readonly<Record<string, string>>;
  readonly secrets?: unknown;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: { readonly name: string };
  readonly env?: Readonly<Record<string, string>>;
  readonly concurrency?: { readonly "cancel-in-progress": boolean };
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const REPOSITORY = dirname(dirname(__dirname));
const FOLDER = join(REPOSITORY, ".github/workflows");
const sources = new Map(
  readdirSync(FOLDER).map((file) => [file.slice(0, -4), readFileSync(join(FOLDER, file), "utf8")]),
);
const workflows = new Map(
  [...sources].map(([name, source]): [string, Workflow] => [name, parse(source)]),
);

function workflow(name: string): Workflow {
  const found = workflows.get(name);
  if (found === undefined) throw new Error(`There is no workflow ${name}.`);
  return found;
}

function job(name: string, id: string): Job {
  return workflow(name).jobs[id] ?? {};
}

const jobs = [...workflows].flatMap(([name, { jobs }]) =>
  Object.entries(jobs).map(([id, job]) => ({ name: `${name}/${id}`, job })),
);
const steps = jobs.flatMap(({ name, job }) =>
  (job.steps ?? []).map((step) => ({ job: name, step })),
);

/** Inputs of a job's authentication step; undefined without one. */
function identity({ steps = [] }: Job): Step["with"] {
  return steps.find(({ uses }) => uses?.startsWith("google-github-actions/auth@"))?.with;
}

const withIdentity = jobs.filter(({ job }) => identity(job) !== undefined);

describe("Permissions", () => {
  test("no workflow has permissions, and each job has only those that it needs", () => {
    expect([...workflows.values()].map(({ permissions }) => permissions)).toEqual(
      [...workflows].map(() => ({})),
    );
    expect(Object.fromEntries(jobs.map(({ name, job }) => [name, job.permissions]))).toEqual({
      "checks/checks": { contents: "read" },
      "deliver/checks": { contents: "read" },
      "deliver/traffic": {},
      "deliver/dev": { contents: "read", "id-token": "write" },
      "deliver/prod": { contents: "read", "id-token": "write" },
      "preview/preview": { contents: "read", "id-token": "write" },
      "preview/comment": { "pull-requests": "write" },
      "rotate/rotate": { contents: "read", "id-token": "write" },
      "up/up": { contents: "read", "id-token": "write" },
    });
  });

  test("the job that may write comments runs no code of the pull request", () => {
    const { steps = [] } = job("preview", "comment");
    expect(steps.map(({ uses }) => uses)).toEqual([undefined]);
    expect(steps.map(({ run = "" }) => /\b(npm|npx|node)\b/.test(run))).toEqual([false]);
  });

  test("no workflow uses a secret, because there is no long-lived credential", () => {
    for (const source of sources.values()) expect(source).not.toMatch(/secrets\.|credentials_json/);
    expect(jobs.filter(({ job }) => job.secrets !== undefined)).toEqual([]);
  });

  test("no checkout persists its token", () => {
    const checkouts = steps.filter(({ step }) => step.uses?.startsWith("actions/checkout@"));
    expect(checkouts.length).toBe(4);
    for (const { step } of checkouts) expect(step.with).toEqual({ "persist-credentials": false });
  });

  test("packages and Pulumi are installed before authentication, without install scripts", () => {
    for (const { job } of withIdentity) {
      const order = (job.steps ?? []).map(({ uses, run }) => uses?.split("@")[0] ?? run);
      expect(order.slice(0, 4)).toEqual([
        "actions/checkout",
        "npm ci --ignore-scripts && node infra/node/linkNode.cjs",
        ".github/pulumi/install",
        "google-github-actions/auth",
      ]);
      // Pulumi is installed, so npm's `pulumi` downloads nothing. This stops downloads of plugins.
      expect(job.env).toMatchObject({ PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" });
    }
  });
});

describe("Supply chain", () => {
  test("every action is pinned to a commit, with its version in a comment", () => {
    const lines = [...sources.values()].flatMap((source) => source.match(/^.*\buses: .*$/gm) ?? []);
    expect(lines.length).toBeGreaterThan(6);
    for (const line of lines) {
      expect(line).toMatch(
        /uses: (\.\/\.github\/workflows\/[a-z]+\.yml$|[\w.-]+\/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)/,
      );
    }
  });

  test("no script contains an expression of an untrusted value: scripts read variables", () => {
    for (const { step } of steps) expect(step.run ?? "").not.toContain("${{");
  });

  test("no event runs a fork's code with the repository's permissions", () => {
    const events = [...workflows.values()].flatMap(({ on }) => Object.keys(on));
    expect(new Set(events)).toEqual(
      new Set(["push", "pull_request", "workflow_call", "workflow_dispatch"]),
    );
  });
});

describe("Checks", () => {
  const commands = (job("checks", "checks").steps ?? []).flatMap(({ run }) => run ?? []);

  test("they are the commands of .ci/run, in the same order", () => {
    const file = join(REPOSITORY, ".ci/run");
    const local = readFileSync(file, "utf8").match(/^npm .*$/gm);
    expect(commands).toEqual(local);
  });
});

describe("Delivery", () => {
  test("dev gets main and prod a tag v*, each after the checks", () => {
    expect(job("deliver", "checks").if).toBeUndefined();
    for (const [id, ref] of [
      ["dev", "github.ref == 'refs/heads/main'"],
      ["prod", "startsWith(github.ref, 'refs/tags/v')"],
    ] as const) {
      const { if: condition, needs, with: inputs } = job("deliver", id);
      expect(condition?.split(" && ")).toEqual(
        expect.arrayContaining(["vars.DELIVERY == 'on'", ref]),
      );
      expect([needs, inputs?.stack]).toEqual(["checks", id]);
    }
  });

  test("every job that changes a stack runs in the environment with its name", () => {
    for (const changing of [job("up", "up"), job("rotate", "rotate")]) {
      expect(changing.environment?.name).toBe("${{ inputs.stack }}");
    }
  });

  test("no update of a stack is cancelled, and a rotation is for main only", () => {
    expect(job("up", "up").concurrency?.["cancel-in-progress"]).toBe(false);
    expect(job("rotate", "rotate").concurrency?.["cancel-in-progress"]).toBe(false);
    expect(job("rotate", "rotate").if).toBe("github.ref == 'refs/heads/main'");
  });
});

describe("Preview", () => {
  const preview = job("preview", "preview");

  test("only pull requests of this repository get an identity, and Dependabot's don't", () => {
    expect(preview.if?.split(" && ")).toEqual([
      "vars.DELIVERY == 'on'",
      "github.event.pull_request.head.repo.id == github.event.pull_request.base.repo.id",
      "github.event.pull_request.user.login != 'dependabot[bot]'",
    ]);
  });

  test("it runs in an environment of its own, whose variables name another account", () => {
    expect(preview.environment?.name).toBe("${{ matrix.stack }}-preview");
    expect(withIdentity.map(({ name }) => name)).toEqual([
      "preview/preview",
      "rotate/rotate",
      "up/up",
    ]);
    for (const { job } of withIdentity) {
      expect(identity(job)).toEqual({
        project_id: "${{ vars.GOOGLE_PROJECT }}",
        workload_identity_provider: "${{ vars.GOOGLE_IDENTITY_PROVIDER }}",
        service_account: "${{ vars.GOOGLE_SERVICE_ACCOUNT }}",
      });
      expect(job.env).toMatchObject({ PULUMI_BACKEND_URL: "${{ vars.PULUMI_BACKEND_URL }}" });
    }
  });

  test("after authentication the only Pulumi command is preview", () => {
    const scripts = (preview.steps ?? []).map(({ run = "" }) => run).join("\n");
    expect(scripts.match(/npx pulumi \w+/g)).toEqual(["npx pulumi preview"]);
  });
});

describe("Scripts, run with fake commands", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "phoenix-delivery-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Replaces a command by a shell script. */
  function standIn(command: string, script: string): void {
    writeFileSync(join(folder, command), `#!/bin/bash\n${script}\n`);
    chmodSync(join(folder, command), 0o755);
  }

  /** Runs a job's only named script as GitHub does, and returns its exit code. */
  async function run(of: Job, env: Readonly<Record<string, string>>): Promise<number> {
    const script = of.steps?.findLast((step) => step.run !== undefined)?.run ?? "";
    try {
      await promisify(execFile)("bash", ["-eo", "pipefail", "-c", script], {
        cwd: folder,
        env: {
          PATH: `${folder}${delimiter}${process.env.PATH}`,
          RUNNER_TEMP: folder,
          GITHUB_OUTPUT: join(folder, "output"),
          GITHUB_STEP_SUMMARY: join(folder, "summary"),
          ...env,
        },
      });
      return 0;
    } catch (error) {
      return (error as { code: number }).code;
    }
  }

  const written = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "";

  test("a failed preview is shown in the comment, and fails its job", async () => {
    standIn("npx", 'echo "$@" > called; echo "error: no such stack" >&2; exit 7');
    expect(await run(job("preview", "preview"), { STACK: "dev" })).toBe(7);
    expect(written("called")).toMatch(
      /^pulumi preview --stack dev --diff --policy-pack infra\/policy --non-interactive /,
    );
    expect(written("output")).toMatch(/^dev<<(\w{32})\nerror: no such stack\n\n\1\n$/);
  });

  const COMMENT = {
    REPOSITORY: "owner/name",
    PULL_REQUEST: "12",
    COMMIT: "abc",
    RUN: "https://github.example/run",
    DEV: "+ gcp:secret\n</details>\n```\n@everyone $(touch pwned)",
    PROD: "",
  };

  test("a later preview updates the comment of the first", async () => {
    for (const [earlier, call] of [
      ["", "POST repos/owner/name/issues/12/comments"],
      ["echo 345; echo 678", "PATCH repos/owner/name/issues/comments/345"],
    ]) {
      standIn("gh", `echo "$*" >> calls; case "$*" in *--paginate*) ${earlier};; esac`);
      expect(await run(job("preview", "comment"), COMMENT)).toBe(0);
      expect(written("calls").trimEnd().split("\n").at(-1)).toContain(`--method ${call} `);
    }
  });

  test("Pulumi's output can't end its code block in the comment, mention anybody or be executed", async () => {
    standIn("gh", "true");
    await run(job("preview", "comment"), COMMENT);
    const lines = written("comment.md").split("\n");
    expect(lines[0]).toBe("<!-- pulumi preview -->");
    expect(lines).toContain("    </details>");
    expect(lines).toContain("    @everyone $(touch pwned)");
    expect(lines).toContain("    No output: see the log.");
    expect(lines.filter((line) => line === "</details>")).toHaveLength(2);
    expect(readdirSync(folder)).not.toContain("pwned");
    expect(written("summary")).toBe(written("comment.md"));
  });

  test("an update without the input traffic keeps the stack's setting", async () => {
    standIn(
      "npx",
      'echo "$@" >> calls; case "$*" in *output*) echo https://phoenix.example;; esac',
    );
    expect(await run(job("up", "up"), { STACK: "dev", TRAFFIC: "" })).toBe(0);
    expect(written("calls").split("\n")).toEqual([
      "pulumi up --stack dev --yes --policy-pack infra/policy --non-interactive --color never --suppress-progress",
      "pulumi stack output url --stack dev",
      "",
    ]);
    expect(written("output")).toBe("url=https://phoenix.example\n");
  });

  test("the input traffic is passed to Pulumi as one argument, whatever it contains", async () => {
    standIn("npx", 'printf "<%s>" "$@" >> calls');
    const TRAFFIC = 'phoenix-prod-1=100"; touch pwned; $(touch pwned)';
    expect(await run(job("up", "up"), { STACK: "prod", TRAFFIC })).toBe(0);
    expect(written("calls")).toContain(`<--config><traffic=${TRAFFIC}>`);
    expect(readdirSync(folder)).not.toContain("pwned");
  });

  test("a failed update fails its job", async () => {
    standIn("npx", "exit 255");
    expect(await run(job("up", "up"), { STACK: "dev", TRAFFIC: "" })).toBe(255);
  });

  test.each([
    ["false", "run rotate -- --stack prod --yes"],
    ["true", "run rotate -- --stack prod --yes --compromised"],
  ])("a rotation with compromised: %s runs npm %s", async (COMPROMISED, command) => {
    standIn("npm", 'echo "$@" >> calls');
    expect(await run(job("rotate", "rotate"), { STACK: "prod", COMPROMISED })).toBe(0);
    expect(written("calls")).toBe(`${command}\n`);
  });
});
