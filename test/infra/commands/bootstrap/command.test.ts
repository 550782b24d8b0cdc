import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { runBootstrapCommand } from "../../../../infra/commands/bootstrap/command.ts";
import { HELP } from "../../../../infra/commands/bootstrap/options.ts";
import type { Ended } from "../../../../infra/commands/runProgram.ts";
import { evaluateStack } from "../../../support/declaredStack.ts";
import {
  answer,
  type Cloud,
  type Environment,
  emptyCloud,
  OPERATOR,
  PROJECT,
  REPOSITORY,
} from "./cloud.ts";

const DEV = ["dev", "--project", PROJECT, "--billing-account", "012345-6789AB-CDEF01"];
const GITHUB = ["--github", REPOSITORY];
const PROD = ["prod", ...DEV.slice(1), ...GITHUB, "--approvers", "grace,acme/operators"];

interface RunOptions {
  /** Answer to the question; undefined: there is no terminal. */
  readonly answer?: boolean;
  readonly env?: Record<string, string>;
  /** Overrides the result of a command. */
  readonly instead?: (line: string) => Ended | undefined;
  /** Filters the permissions that the operator has; default: all. */
  readonly permissions?: (asked: string[]) => string[] | "no answer";
}

interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  readonly questions: string[];
  /** Commands that change something. */
  readonly changes: string[];
  readonly waits: number[];
}

/** Commands that only read. */
const READS = / (list|describe|get-iam-policy|status|version|whoami|ls|print-access-token)( |$)/;

async function run(
  cloud: Cloud,
  args: readonly string[],
  { env = { HOME: "/home/ada" }, instead, permissions, ...more }: RunOptions = {},
): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const questions: string[] = [];
  const changes: string[] = [];
  const waits: number[] = [];
  const status = await runBootstrapCommand(args, {
    env,
    print: (text) => out.push(text),
    tell: (text) => err.push(text),
    ask:
      more.answer === undefined
        ? undefined
        : async (question) => {
            questions.push(question);
            return more.answer ?? false;
          },
    async run(program, args, variables) {
      const line = [program, ...args].join(" ");
      const reads = READS.test(line) || (line.startsWith("gh api") && !line.includes("--method"));
      if (!reads) changes.push(line);
      return instead?.(line) ?? answer(cloud, program, args, { ...env, ...variables });
    },
    readFile(path) {
      if (path.endsWith("application_default_credentials.json")) {
        return cloud.credentials && JSON.stringify(cloud.credentials);
      }
      return path === "Pulumi.yaml" ? "name: phoenix" : cloud.file;
    },
    async wait(seconds) {
      waits.push(seconds);
    },
    async fetch(url, init) {
      expect(String(url)).toBe(
        `https://cloudresourcemanager.googleapis.com/v1/projects/${PROJECT}:testIamPermissions`,
      );
      expect(new Headers(init?.headers).get("authorization")).toBe("Bearer token-of-gcloud");
      const { permissions: asked } = JSON.parse(String(init?.body));
      const granted = permissions?.(asked) ?? asked;
      if (granted === "no answer") return new Response("a proxy's page", { status: 407 });
      return Response.json({ permissions: granted });
    },
  });
  return { status, out: out.join("\n"), err: err.join("\n"), questions, changes, waits };
}

const grants = fc.array(
  fc.tuple(
    fc.constantFrom("project", "bucket", "key", `phoenix-dev@${PROJECT}.iam.gserviceaccount.com`),
    fc.constantFrom(
      "roles/storage.admin",
      "roles/iam.serviceAccountUser",
      "roles/cloudkms.cryptoKeyEncrypterDecrypter",
    ),
    fc.constantFrom(
      `user:${OPERATOR}`,
      `serviceAccount:phoenix-dev-deploy@${PROJECT}.iam.gserviceaccount.com`,
      "user:eve@acme.example",
    ),
  ),
);

const provider = fc.record({
  state: fc.constantFrom("ACTIVE", "DELETED"),
  disabled: fc.boolean(),
  issuer: fc.constantFrom("https://token.actions.githubusercontent.com", "https://evil.example"),
  mapping: fc.constantFrom("google.subject=assertion.sub"),
  condition: fc.constantFrom("true", "assertion.repository_id == '4711'"),
});

const environment: fc.Arbitrary<Environment> = fc.record({
  waitTimer: fc.constantFrom(0, 30),
  reviewers: fc.constantFrom([], [{ type: "User", id: 7 }]),
  preventSelfReview: fc.boolean(),
  custom: fc.boolean(),
  policies: fc.constantFrom("branch main", "tag v*", "branch topic").map((one) => new Set([one])),
  variables: fc.constantFrom("old", PROJECT).map((one) => new Map([["GOOGLE_PROJECT", one]])),
});

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });

/** Any state that an earlier, interrupted or different setup can leave. */
const clouds: fc.Arbitrary<Cloud> = fc
  .record({
    quota: maybe(fc.constantFrom(PROJECT, "another-project")),
    project: maybe(
      fc.record({
        number: fc.constant("123456789012"),
        state: fc.constant("ACTIVE"),
        billing: maybe(fc.constantFrom("012345-6789AB-CDEF01", "AAAAAA-AAAAAA-AAAAAA")),
      }),
    ),
    apis: fc.subarray(["serviceusage", "storage", "cloudkms", "iam", "sts", "run"]),
    bucket: maybe(
      fc.record({ versioning: fc.boolean(), uniform: fc.boolean(), prevention: fc.boolean() }),
    ),
    keyRing: fc.boolean(),
    key: fc.boolean(),
    grants,
    accounts: fc.subarray(["phoenix-dev", "phoenix-dev-deploy", "phoenix-dev-preview", "default"]),
    pool: maybe(fc.constantFrom("ACTIVE", "DELETED")),
    providers: fc.dictionary(
      fc.constantFrom("phoenix-dev-preview", "phoenix-dev-deploy"),
      provider,
    ),
    /** The stack, if the state allows one, and whether its project is set. */
    stack: maybe(fc.record({ projectSet: fc.boolean() })),
    backend: maybe(fc.constantFrom(`gs://${PROJECT}-pulumi-state`, "https://api.pulumi.com")),
    environments: fc.dictionary(fc.constantFrom("dev", "dev-preview", "other"), environment),
  })
  .map(({ quota, apis, key, grants, accounts, providers, environments, stack, ...found }) => {
    const exists = found.project !== undefined;
    const has = (api: string) => exists && apis.includes(api);
    const keyRing = found.keyRing && has("cloudkms");
    const cloud: Cloud = {
      ...emptyCloud(),
      ...found,
      credentials: { type: "authorized_user", ...(quota && { quota_project_id: quota }) },
      apis: new Set(exists ? apis.map((api) => `${api}.googleapis.com`) : []),
      bucket: has("storage") ? found.bucket : undefined,
      keyRing,
      key: keyRing && key ? "ENABLED" : undefined,
      accounts: new Map(
        has("iam") ? accounts.map((id) => [`${id}@${PROJECT}.iam.gserviceaccount.com`, ""]) : [],
      ),
      pool: has("iam") ? found.pool : undefined,
      providers: new Map(has("iam") && found.pool ? Object.entries(providers) : []),
      environments: new Map(Object.entries(environments)),
      policies: new Map(),
    };
    if (stack !== undefined && cloud.bucket !== undefined && cloud.key !== undefined) {
      cloud.stacks.add("dev");
      cloud.file = `secretsprovider: gcpkms://projects/${PROJECT}/locations/europe-west1/keyRings/pulumi/cryptoKeys/state\nconfig:\n  gcp:region: europe-west1\n${stack.projectSet ? `  gcp:project: ${PROJECT}\n` : ""}`;
    }
    for (const [resource, role, member] of exists ? grants : []) {
      const present = cloud.policies.get(resource) ?? new Set();
      cloud.policies.set(resource, present.add(`${role} ${member}`));
    }
    return cloud;
  });

describe("from any state", () => {
  test("one run sets up the stack and its delivery, and a second one changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(clouds, async (cloud) => {
        const args = [...DEV, ...GITHUB, "--yes"];
        const first = await run(cloud, args);
        expect([first.status, first.err.split("\n").slice(1)]).toEqual([0, []]);
        const second = await run(cloud, args);
        expect(second).toMatchObject({ status: 0, changes: [] });
        expect(second.out).toContain("There is nothing to do.");
      }),
    );
  });

  test("--dry-run changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(clouds, async (cloud) => {
        const { status, changes } = await run(cloud, [...DEV, ...GITHUB, "--dry-run"]);
        expect([status, changes]).toEqual([0, []]);
      }),
    );
  });
});

describe("from an empty account", () => {
  test("it shows the plan, asks, reports each step, and prints the next command", async () => {
    const cloud = emptyCloud();
    const { status, out, err, questions } = await run(cloud, DEV, { answer: true });
    expect({ status, err, questions }).toEqual({
      status: 0,
      err: "Reading the current state; this takes half a minute.",
      questions: ["\nDo this? [y/N] "],
    });
    expect(out).toBe(`Stack dev in project acme-phoenix-dev, europe-west1, as ada@acme.example

  create  project acme-phoenix-dev
  create  billing account 012345-6789AB-CDEF01
  create  APIs serviceusage, cloudresourcemanager, storage, cloudkms
  create  quota project of your application default credentials
  create  bucket gs://acme-phoenix-dev-pulumi-state for Pulumi's state, with versions
  create  key ring pulumi in europe-west1
  create  key pulumi/state that encrypts the stack's secrets
  create  ada@acme.example may use the key
  create  Pulumi's login to gs://acme-phoenix-dev-pulumi-state
  create  stack dev
  create  setting gcp:project acme-phoenix-dev
  found   setting gcp:region europe-west1

11 of 12 are to be created or changed.
[1/11] created  project acme-phoenix-dev
[2/11] created  billing account 012345-6789AB-CDEF01
[3/11] created  APIs serviceusage, cloudresourcemanager, storage, cloudkms
[4/11] created  quota project of your application default credentials
[5/11] created  bucket gs://acme-phoenix-dev-pulumi-state for Pulumi's state, with versions
[6/11] created  key ring pulumi in europe-west1
[7/11] created  key pulumi/state that encrypts the stack's secrets
[8/11] created  ada@acme.example may use the key
[9/11] created  Pulumi's login to gs://acme-phoenix-dev-pulumi-state
[10/11] created  stack dev
[11/11] created  setting gcp:project acme-phoenix-dev

Next:
  npx pulumi preview --stack dev --policy-pack infra/policy`);
    expect(cloud.bucket).toEqual({ versioning: true, uniform: true, prevention: true });
    expect(cloud.file).toContain(
      "secretsprovider: gcpkms://projects/acme-phoenix-dev/locations/europe-west1/keyRings/pulumi/cryptoKeys/state",
    );
  });

  test("--region sets the location of the state, the key and the stack", async () => {
    const cloud = emptyCloud();
    const { changes } = await run(cloud, [...DEV, "--region", "us-central1", "--yes"]);
    expect(changes.filter((line) => line.includes("--location us-central1"))).toHaveLength(4);
    expect(cloud.file).toContain("gcp:region: us-central1");
    expect(cloud.file).toContain("/locations/us-central1/");
  });

  test("--json prints one object with every item, its outcome and its commands", async () => {
    const cloud = emptyCloud();
    const planned = JSON.parse((await run(cloud, [...DEV, "--json", "--dry-run"])).out);
    expect(planned.items[0]).toEqual({
      what: "project acme-phoenix-dev",
      outcome: "create",
      commands: ["gcloud projects create acme-phoenix-dev"],
    });
    const done = JSON.parse((await run(cloud, [...DEV, "--json", "--yes"])).out);
    expect(done).toMatchObject({ stack: "dev", project: PROJECT, operator: OPERATOR });
    expect(done.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      ...Array(11).fill("created"),
      "found",
    ]);
    expect(done.next).toEqual(["npx pulumi preview --stack dev --policy-pack infra/policy"]);
  });

  test("nothing changes if the operator declines, or if there is no terminal", async () => {
    const no = await run(emptyCloud(), DEV, { answer: false });
    expect(no).toMatchObject({ status: 1, changes: [] });
    expect(no.err).toContain("Nothing was changed.");
    const nobody = await run(emptyCloud(), DEV);
    expect(nobody).toMatchObject({ status: 2, changes: [] });
    expect(nobody.err).toContain("Add --yes to make the changes, or --dry-run to only show them.");
  });
});

describe("a missing prerequisite is reported before anything changes", () => {
  const deployed = (change: (cloud: Cloud) => void) => {
    const cloud = emptyCloud();
    cloud.project = { number: "123456789012", state: "ACTIVE", billing: "012345-6789AB-CDEF01" };
    change(cloud);
    return cloud;
  };
  const missing = (program: string) => (line: string) =>
    line.startsWith(program) ? { status: 127, stdout: "", stderr: "" } : undefined;

  const cases: [string, Cloud, readonly string[], RunOptions, string][] = [
    ["gcloud", emptyCloud(), DEV, { instead: missing("gcloud") }, "gcloud is not installed"],
    ["npx", emptyCloud(), DEV, { instead: missing("npx") }, "npx pulumi does not run: no npx."],
    ["gh", emptyCloud(), [...DEV, ...GITHUB], { instead: missing("gh") }, "gh is not installed"],
    [
      "gcloud's login",
      { ...emptyCloud(), operator: undefined },
      DEV,
      {},
      "gcloud is not logged in. Run gcloud auth login.",
    ],
    [
      "application default credentials",
      { ...emptyCloud(), credentials: undefined },
      DEV,
      {},
      "Run gcloud auth application-default login.",
    ],
    [
      "gh's login",
      { ...emptyCloud(), repository: undefined },
      [...DEV, ...GITHUB],
      {},
      "gh is not logged in. Run gh auth login.",
    ],
    [
      "a billing account",
      emptyCloud(),
      DEV.slice(0, 3),
      {},
      "Project acme-phoenix-dev has no billing account. Add --billing-account ID",
    ],
    [
      "a project that is not being deleted",
      deployed((cloud) => {
        cloud.project = { number: "1", state: "DELETE_REQUESTED", billing: "x" };
      }),
      DEV,
      {},
      "Project acme-phoenix-dev is DELETE_REQUESTED. Run gcloud projects undelete",
    ],
    [
      "a role in the project",
      deployed(() => {}),
      [...DEV, "--yes"],
      { permissions: (asked) => asked.filter((one) => !one.includes("kms")) },
      "ada@acme.example lacks cloudkms.keyRings.create, cloudkms.cryptoKeys.create, cloudkms.cryptoKeys.setIamPolicy in project acme-phoenix-dev.",
    ],
    [
      "a usable key",
      deployed((cloud) => {
        cloud.apis.add("cloudkms.googleapis.com");
        cloud.keyRing = true;
        cloud.key = "DESTROYED";
      }),
      DEV,
      {},
      "The primary version of key pulumi/state in europe-west1 is DESTROYED",
    ],
    [
      "admin rights in the repository",
      { ...emptyCloud(), repository: { id: 4711, admin: false } },
      [...DEV, ...GITHUB],
      {},
      "gh's user is not an admin of acme/phoenix.",
    ],
    [
      "somebody who approves deployments to prod",
      emptyCloud(),
      PROD.slice(0, -2),
      {},
      "Nobody could approve a deployment to prod. Add --approvers",
    ],
    [
      "the project that the stack's file names",
      { ...emptyCloud(), file: "config:\n  gcp:region: europe-west1\n  gcp:project: acme-other\n" },
      DEV,
      {},
      "Pulumi.dev.yaml is for project acme-other. Use --project acme-other.",
    ],
    [
      "the key that the stack's file names",
      {
        ...emptyCloud(),
        file: "secretsprovider: passphrase\nconfig:\n  gcp:region: europe-west1\n",
      },
      DEV,
      {},
      "Pulumi.dev.yaml has another secretsprovider.",
    ],
    [
      "the stack's file of a stack that exists",
      deployed((cloud) => {
        cloud.apis.add("storage.googleapis.com");
        cloud.bucket = { versioning: true, uniform: true, prevention: true };
        cloud.stacks.add("dev");
      }),
      DEV,
      {},
      "Stack dev exists, and Pulumi.dev.yaml has no secretsprovider.",
    ],
    [
      "a region",
      { ...emptyCloud(), file: "" },
      DEV,
      {},
      "Pulumi.dev.yaml names no gcp:region. Add --region",
    ],
    [
      "a stack's file that can be read",
      { ...emptyCloud(), file: "config: [" },
      DEV,
      {},
      "Pulumi.dev.yaml is not YAML:",
    ],
    [
      "the way to the right backend",
      emptyCloud(),
      DEV,
      { env: { PULUMI_BACKEND_URL: "gs://acme-phoenix-prod-pulumi-state" } },
      "PULUMI_BACKEND_URL is set, and not to gs://acme-phoenix-dev-pulumi-state.",
    ],
  ];
  test.each(cases)("%s", async (_what, cloud, args, options, message) => {
    const { status, err, changes } = await run(cloud, args, options);
    expect(status).toBeGreaterThan(0);
    expect(err).toContain(message);
    expect(changes).toEqual([]);
  });

  test("if the operator's permissions can't be read, it warns and goes on", async () => {
    const cloud = deployed(() => {});
    const { status, err } = await run(cloud, [...DEV, "--yes"], {
      permissions: () => "no answer",
    });
    expect(status).toBe(0);
    expect(err).toContain(
      "Your permissions in the project can't be read, so a step may be refused.",
    );
  });

  test("everything that is missing on the machine is reported at once", async () => {
    const cloud = { ...emptyCloud(), operator: undefined, repository: undefined };
    const { err } = await run(cloud, [...DEV, ...GITHUB]);
    expect(err).toMatch(/gcloud auth login[\s\S]*gh auth login/);
  });

  test("a failed read ends the command with that command's error", async () => {
    const cloud = deployed(() => {});
    const { status, err, changes } = await run(cloud, DEV, {
      instead: (line) =>
        line.startsWith("gcloud services list")
          ? { status: 1, stdout: "", stderr: "ERROR: \u001b[31mReauthentication failed\n" }
          : undefined,
    });
    expect([status, changes]).toEqual([1, []]);
    expect(err).toContain(
      "gcloud services list --enabled --project acme-phoenix-dev --format json\nfailed: ERROR: [31mReauthentication failed",
    );
  });
});

describe("a step that fails", () => {
  test("stops the command, whichever it is, and another run goes on from there", async () => {
    const args = [...PROD, "--yes"];
    const { changes: all } = await run(emptyCloud(), args);
    expect(all.length).toBeGreaterThan(40);
    for (const [index, failing] of all.entries()) {
      const cloud = emptyCloud();
      const stopped = await run(cloud, args, {
        instead: (line) =>
          line === failing ? { status: 1, stdout: "", stderr: "ERROR: quota exceeded" } : undefined,
      });
      expect(stopped.status).toBe(1);
      expect(stopped.changes).toEqual(all.slice(0, index + 1));
      expect(stopped.err).toContain("failed: ERROR: quota exceeded");
      expect(stopped.err).toContain("Run the same command again to go on from here.");
      expect(stopped.out).not.toContain("Next:");
      expect((await run(cloud, args)).status).toBe(0);
      expect((await run(cloud, args)).changes).toEqual([]);
    }
  });

  test("an error from delayed propagation is retried", async () => {
    const answers = Array(3).fill("ERROR: API has not been used in project 1 before");
    const { status, err, waits } = await run(emptyCloud(), [...DEV, "--yes"], {
      instead: (line) =>
        line.startsWith("gcloud kms keyrings create") && answers.length > 0
          ? { status: 1, stdout: "", stderr: answers.pop() }
          : undefined,
    });
    expect([status, waits]).toEqual([0, [5, 5, 5]]);
    expect(err).toContain("Google is still propagating changes; retrying for two minutes.");
  });

  test("retries end after two minutes, and nothing is retried before the first change", async () => {
    const fails = (part: string) => (line: string) =>
      line.includes(part) ? { status: 1, stdout: "", stderr: "NOT_FOUND: account" } : undefined;
    const late = await run(emptyCloud(), [...DEV, "--yes"], { instead: fails("stack init") });
    expect(late.status).toBe(1);
    expect(late.waits.reduce((sum, seconds) => sum + seconds)).toBe(120);
    const first = await run(emptyCloud(), [...DEV, "--yes"], { instead: fails("projects create") });
    expect([first.status, first.waits]).toEqual([1, []]);
  });

  test("an account that Google's list doesn't show yet is no failure", async () => {
    const cloud = emptyCloud();
    await run(cloud, [...DEV, ...GITHUB, "--yes"]);
    const again = await run(cloud, [...DEV, ...GITHUB, "--yes"], {
      instead: (line) =>
        line.startsWith("gcloud iam service-accounts list")
          ? { status: 0, stdout: "[]", stderr: "" }
          : undefined,
    });
    expect(again.status).toBe(0);
  });
});

describe("delivery from GitHub", () => {
  test("a deployment to prod needs the approval of somebody other than the one who started it", async () => {
    const cloud = emptyCloud();
    const { status, out } = await run(cloud, [...PROD, "--yes"]);
    expect(status).toBe(0);
    expect(cloud.environments.get("prod")).toMatchObject({
      preventSelfReview: true,
      reviewers: [
        { type: "User", id: "users/grace".length },
        { type: "Team", id: "orgs/acme/teams/operators".length },
      ],
      custom: true,
      policies: new Set(["branch main", "tag v*"]),
    });
    expect(out).toMatch(
      /Next:\n {2}npx pulumi config set --stack prod phoenix:allowedUsers [\s\S]*\n {2}gh variable set DELIVERY --repo acme\/phoenix --body on [\s\S]*\n {2}npx pulumi preview --stack prod [^\n]*$/,
    );
  });

  test("more approvers than GitHub allows are refused before anything changes", async () => {
    const cloud = emptyCloud();
    const approvers = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg"].join();
    const { status, out, err, changes } = await run(cloud, [
      ...PROD.slice(0, -1),
      approvers,
      "--yes",
    ]);
    expect([status, changes]).toEqual([1, []]);
    expect(out + err).toContain("would have 7 approvers, and GitHub allows 6. Name a team");
  });

  test("dev accepts jobs on main only, and needs no approval", async () => {
    const cloud = emptyCloud();
    await run(cloud, [...DEV, ...GITHUB, "--yes"]);
    expect(cloud.environments.get("dev")).toMatchObject({
      reviewers: [],
      custom: true,
      policies: new Set(["branch main"]),
    });
    expect(cloud.providers.get("phoenix-dev-deploy")?.condition).toBe(
      "assertion.repository_id == '4711' && assertion.environment == 'dev' && assertion.ref == 'refs/heads/main'",
    );
    expect(cloud.providers.get("phoenix-dev-preview")?.condition).toBe(
      "assertion.repository_id == '4711' && assertion.event_name == 'pull_request' && assertion.environment == 'dev-preview'",
    );
  });

  test("settings of an environment that bootstrap doesn't manage stay", async () => {
    const cloud = emptyCloud();
    cloud.environments.set("prod", {
      waitTimer: 30,
      reviewers: [{ type: "User", id: 7 }],
      preventSelfReview: false,
      custom: false,
      policies: new Set(),
      variables: new Map(),
    });
    await run(cloud, [...PROD.slice(0, -2), "--yes"]);
    expect(cloud.environments.get("prod")).toMatchObject({
      waitTimer: 30,
      reviewers: [{ type: "User", id: 7 }],
      preventSelfReview: true,
    });
  });

  test("a deployment can act as the program's own accounts only, and can grant no role in the project", async () => {
    const cloud = emptyCloud();
    await run(cloud, [...DEV, ...GITHUB, "--yes"]);
    const who = `serviceAccount:phoenix-dev-deploy@${PROJECT}.iam.gserviceaccount.com`;
    const roles = (resource: string) =>
      [...(cloud.policies.get(resource) ?? [])]
        .filter((binding) => binding.endsWith(` ${who}`))
        .map((binding) => binding.split(" ")[0]);
    const powerful =
      /owner|editor$|serviceAccount(User|Admin|TokenCreator)|projectIamAdmin|security/;
    expect(roles("project").filter((role) => powerful.test(role ?? ""))).toEqual([
      "roles/monitoring.editor",
    ]);
    const used = [...cloud.accounts.keys()].filter((address) =>
      roles(address).includes("roles/iam.serviceAccountUser"),
    );
    expect(used).toEqual(
      ["phoenix-dev", "phoenix-dev-rotator", "phoenix-dev-push"].map(
        (id) => `${id}@${PROJECT}.iam.gserviceaccount.com`,
      ),
    );
  });

  test("the program's accounts are created with the IDs and display names that the program declares", async () => {
    const cloud = emptyCloud();
    await run(cloud, [...PROD, "--yes"]);
    const { resources } = await evaluateStack("prod", {
      "gcp:project": PROJECT,
      "phoenix:allowedUsers": "@acme.example",
    });
    const declared = resources
      .filter(({ type }) => type === "gcp:serviceaccount/account:Account")
      .map(({ inputs }) => [
        `${inputs.accountId}@${PROJECT}.iam.gserviceaccount.com`,
        inputs.displayName,
      ]);
    expect(declared.length).toBe(3);
    expect([...cloud.accounts]).toEqual(expect.arrayContaining(declared));
  });

  test("a deployment has a role for every kind of resource that the program declares", async () => {
    const cloud = emptyCloud();
    cloud.file = "config:\n  gcp:region: europe-west1\n  phoenix:domain: phoenix.acme.example\n";
    await run(cloud, [...PROD, "--yes"]);
    const { resources } = await evaluateStack("prod", {
      "gcp:project": PROJECT,
      "phoenix:domain": "phoenix.acme.example",
      "phoenix:allowedUsers": "@acme.example",
      "phoenix:alertEmails": "oncall@acme.example",
      "phoenix:publicAccess": "allUsers",
    });
    const roles: Record<string, string> = {
      certificatemanager: "certificatemanager.owner",
      cloudrunv2: "run.admin",
      compute: "compute.loadBalancerAdmin",
      logging: "logging.configWriter",
      monitoring: "monitoring.editor",
      projects: "serviceusage.serviceUsageAdmin",
      pubsub: "pubsub.admin",
      secretmanager: "secretmanager.admin",
      serviceaccount: "iam.serviceAccountCreator",
      storage: "storage.admin",
    };
    const declared = resources.flatMap(({ type }) => /^gcp:(\w+)\//.exec(type)?.[1] ?? []);
    expect([...new Set(declared)].sort()).toEqual(Object.keys(roles));
    const who = `serviceAccount:phoenix-prod-deploy@${PROJECT}.iam.gserviceaccount.com`;
    // Only this one makes the policies of Cloud Armor.
    for (const role of [...Object.values(roles), "compute.securityAdmin"]) {
      expect(cloud.policies.get("project")).toContain(`roles/${role} ${who}`);
    }
  });

  test("a deployment gets the roles of a domain with the domain, and not before", async () => {
    const cloud = emptyCloud();
    await run(cloud, [...DEV, ...GITHUB, "--yes"]);
    const roles = () =>
      [...(cloud.policies.get("project") ?? [])].filter((each) =>
        /compute|certificatemanager/.test(each),
      );
    expect(roles()).toEqual([]);
    cloud.file = `${cloud.file.trimEnd()}\n  phoenix:domain: phoenix.acme.example\n`;
    await run(cloud, [...DEV, ...GITHUB, "--yes"]);
    expect(roles()).toHaveLength(3);
  });
});

describe("invalid arguments", () => {
  test("--help prints the help", async () => {
    expect(await run(emptyCloud(), ["--help"])).toMatchObject({ status: 0, out: HELP });
  });

  test.each([
    [["--project", PROJECT], "Name one stack, such as dev"],
    [["dev", "prod", "--project", PROJECT], "Name one stack"],
    [["local", "--project", PROJECT], "Name a stack such as dev."],
    [["Dev", "--project", PROJECT], "The stack's name is"],
    [["dev-preview", "--project", PROJECT], "phoenix-dev-preview is a name of another stack's"],
    [["dev"], "--project is missing."],
    [["dev", "--project", "Acme"], "--project takes the ID of a project"],
    [[...DEV, "--region", "europe"], "--region takes a region such as europe-west1."],
    [["dev", "--project", PROJECT, "--billing-account", "1"], "--billing-account takes an ID"],
    [[...DEV, "--github", "phoenix"], "--github takes a repository as OWNER/NAME."],
    ...["acme/..", "acme/.", "../acme", "acme/phoenix.git", "-a/phoenix", "acme/a/b"].map(
      (name): [string[], string] => [
        [...DEV, `--github=${name}`],
        "--github takes a repository as OWNER/NAME.",
      ],
    ),
    [[...PROD.slice(0, -1), "acme/.."], "--approvers takes logins and ORG/TEAM"],
    [[...DEV, ...GITHUB, "--approvers", "grace"], "--approvers is for prod with --github."],
    [["prod", ...DEV.slice(1), "--approvers", "grace"], "--approvers is for prod with --github."],
    [[...PROD.slice(0, -1), "a b"], "--approvers takes logins and ORG/TEAM"],
  ])("%j exits with status 2 and an error message", async (args, message) => {
    const { status, err, changes } = await run(emptyCloud(), args);
    expect([status, changes]).toEqual([2, []]);
    expect(err).toContain(message);
    expect(err).toMatch(/See npm run bootstrap -- --help\.$/);
  });
});
