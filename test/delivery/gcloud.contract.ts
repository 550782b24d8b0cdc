import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { runBootstrapCommand } from "../../infra/commands/bootstrap/command.ts";
import { readFound } from "../../infra/commands/bootstrap/read.ts";
import { runProgram } from "../../infra/commands/runProgram.ts";
import {
  answer,
  type Cloud,
  emptyCloud,
  OPERATOR,
  PROJECT,
} from "../infra/commands/bootstrap/cloud.ts";
import { serve } from "../support/httpServer.ts";

/**
 * Google's gcloud, with a configuration of its own, and without credentials or access to Google.
 */

/** APIs that commands call, as gcloud's properties name them. */
const APIS = [
  ...["cloudbilling", "cloudkms", "cloudresourcemanager", "iam", "logging", "run"],
  ...["secretmanager", "serviceusage", "storage"],
];
const REPOSITORY = join(import.meta.dirname, "../..");
/** Milliseconds within which gcloud reports a usage error, even on a busy machine. */
const TIMEOUT = 20_000;

const hasGcloud = spawnSync("gcloud", ["--version"]).status === 0;
if (!hasGcloud) process.stderr.write("gcloud: skipped, because it is not installed.\n");

const config = mkdtempSync(join(tmpdir(), "phoenix-gcloud-"));
afterAll(() => rmSync(config, { recursive: true, force: true }));

(hasGcloud ? describe : describe.skip)("gcloud", () => {
  test("accepts the arguments of every command that bootstrap runs and that a README contains", async () => {
    const commands = [...(await bootstrapCommands()), ...readmeCommands()];
    // Runs only one of the commands that differ in their values alone.
    const queue = [...new Map(commands.map((args) => [kindOf(args), args])).values()];
    expect(queue.length).toBeGreaterThan(40);
    const mistakes: string[] = [];
    const workers = Array.from({ length: availableParallelism() }, async () => {
      for (let args = queue.pop(); args !== undefined; args = queue.pop()) {
        const mistake = await findMistake(args);
        if (mistake !== undefined) mistakes.push(`gcloud ${args.join(" ")}\n${mistake}`);
      }
    });
    await Promise.all(workers);
    expect(mistakes).toEqual([]);
  }, 600_000);

  test("prints Google's responses in the form that bootstrap parses", async () => {
    const goal = {
      ...{ product: "phoenix", environment: "dev", project: PROJECT, region: "europe-west1" },
      ...{ billingAccount: undefined, github: "acme/phoenix" },
    };
    await using google = await serve((req, res) => {
      const found = GOOGLE.find(([route]) => `${req.method} ${req.url}`.match(route));
      res.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
      res.end(JSON.stringify(found?.[1] ?? {}));
    });
    const cloud = emptyCloud();
    const found = await readFound(goal, [], {
      env: {},
      readFile: () => undefined,
      run: (program, args) =>
        program === "gcloud" && args[0] !== "auth"
          ? runProgram(program, args, gcloudEnvironment(google.url))
          : Promise.resolve(
              args.includes("ls")
                ? { status: 0, stdout: "[]", stderr: "" }
                : answer(cloud, program, args),
            ),
    });
    expect(found).toMatchObject({
      operator: OPERATOR,
      project: { number: "123456789012", state: "ACTIVE" },
      billingAccount: "012345-6789AB-CDEF01",
      apis: new Set(["storage", "cloudkms", "iam"]),
      stateBucket: { versioning: true, uniformAccess: true, publicAccessPrevention: true },
      keyRing: true,
      key: "ENABLED",
      grants: {
        project: new Set(["roles/browser user:ada@acme.example"]),
        stateBucket: new Set(["roles/storage.objectViewer user:ada@acme.example"]),
        key: new Set(["roles/cloudkms.cryptoKeyDecrypter user:ada@acme.example"]),
        accounts: new Map([[ACCOUNT, new Set()]]),
      },
      github: {
        pool: "DELETED",
        providers: new Map([
          [
            "phoenix-dev-deploy",
            {
              state: "ACTIVE",
              enabled: true,
              issuer: "https://token.actions.githubusercontent.com",
              subject: "assertion.sub",
              condition: "assertion.repository_id == '1'",
            },
          ],
        ]),
      },
    });
  }, 120_000);
});

const ACCOUNT = `phoenix-dev@${PROJECT}.iam.gserviceaccount.com`;
const KEY_RING = `projects/${PROJECT}/locations/europe-west1/keyRings/pulumi`;
const POOL = "projects/123456789012/locations/global/workloadIdentityPools/github";

const allowed = (role: string) => ({
  etag: "ACAB",
  bindings: [
    { role, members: [`user:${OPERATOR}`] },
    { role: "roles/owner", members: ["user:eve"], condition: { title: "t", expression: "true" } },
  ],
});

/** Google's responses, as in its documentation. */
const GOOGLE: [RegExp, object][] = [
  [
    /^GET \/v1\/projects\/[a-z-]+\?/,
    { projectId: PROJECT, projectNumber: "123456789012", lifecycleState: "ACTIVE" },
  ],
  [/^POST \/v1\/projects\/[a-z-]+:getIamPolicy/, allowed("roles/browser")],
  [
    /^GET \/v1\/projects\/[a-z-]+\/billingInfo/,
    { billingAccountName: "billingAccounts/012345-6789AB-CDEF01", billingEnabled: true },
  ],
  [
    /^GET \/v1\/projects\/[a-z-]+\/services\?/,
    {
      services: ["storage", "cloudkms", "iam"].map((api) => ({
        name: `projects/123456789012/services/${api}.googleapis.com`,
        config: { name: `${api}.googleapis.com` },
        state: "ENABLED",
      })),
    },
  ],
  [
    /^GET \/storage\/v1\/b\?/,
    {
      items: [
        {
          name: `${PROJECT}-pulumi-state`,
          versioning: { enabled: true },
          iamConfiguration: {
            uniformBucketLevelAccess: { enabled: true },
            publicAccessPrevention: "enforced",
          },
        },
      ],
    },
  ],
  [/^GET \/storage\/v1\/b\/[a-z-]+\/iam/, allowed("roles/storage.objectViewer")],
  [/\/keyRings\?/, { keyRings: [{ name: KEY_RING }] }],
  [
    /\/cryptoKeys\?/,
    { cryptoKeys: [{ name: `${KEY_RING}/cryptoKeys/state`, primary: { state: "ENABLED" } }] },
  ],
  [/\/cryptoKeys\/state:getIamPolicy/, allowed("roles/cloudkms.cryptoKeyDecrypter")],
  [/^GET \/v1\/projects\/[a-z-]+\/serviceAccounts\?/, { accounts: [{ email: ACCOUNT }] }],
  [/\/serviceAccounts\/[^/]+:getIamPolicy/, { etag: "ACAB" }],
  [
    /\/workloadIdentityPools\/github\/providers\?/,
    {
      workloadIdentityPoolProviders: [
        {
          name: `${POOL}/providers/phoenix-dev-deploy`,
          state: "ACTIVE",
          attributeMapping: { "google.subject": "assertion.sub" },
          attributeCondition: "assertion.repository_id == '1'",
          oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
        },
      ],
    },
  ],
  [/\/workloadIdentityPools\?/, { workloadIdentityPools: [{ name: POOL, state: "DELETED" }] }],
];

/** Variables that make gcloud call a server on this machine in place of Google. */
function gcloudEnvironment(url: string): Record<string, string> {
  const endpoints = APIS.map((api) => [
    `CLOUDSDK_API_ENDPOINT_OVERRIDES_${api.toUpperCase()}`,
    api === "storage" ? `${url}/storage/v1/` : `${url}/`,
  ]);
  return {
    ...Object.fromEntries(endpoints),
    CLOUDSDK_CONFIG: config,
    CLOUDSDK_CORE_PROJECT: PROJECT,
    CLOUDSDK_AUTH_DISABLE_CREDENTIALS: "true",
    CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "true",
  };
}

/** All commands of bootstrap: in an empty account, and where everything has to be changed. */
async function bootstrapCommands(): Promise<string[][]> {
  const commands: string[][] = [];
  const run = async (cloud: Cloud, args: readonly string[]) => {
    const status = await runBootstrapCommand([...args, "--project", PROJECT, "--yes"], {
      env: {},
      print: () => {},
      tell: () => {},
      ask: undefined,
      async run(program, args) {
        if (program === "gcloud") commands.push([...args]);
        return answer(cloud, program, args);
      },
      readFile: (path) => (path === "Pulumi.yaml" ? "name: phoenix" : cloud.file),
      wait: async () => {},
      fetch: async () => new Response(null, { status: 403 }),
    });
    if (status !== 0) throw new Error("The bootstrap of these checks itself failed.");
  };
  const cloud = emptyCloud();
  const args = ["dev", "--github", "acme/phoenix", "--billing-account", "012345-6789AB-CDEF01"];
  await run(cloud, args);
  cloud.bucket = { versioning: false, uniform: false, prevention: false };
  cloud.pool = "DELETED";
  for (const provider of cloud.providers.values()) {
    Object.assign(provider, { state: "DELETED", disabled: true });
  }
  await run(cloud, args);
  return commands;
}

/** gcloud commands in the READMEs, with values for placeholders. */
function readmeCommands(): string[][] {
  const files = readdirSync(REPOSITORY, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".md") && !file.includes("node_modules"),
  );
  return files.flatMap((file) => {
    const text = readFileSync(join(REPOSITORY, file), "utf8").replaceAll("\\\n", " ");
    const fences = [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, code = ""]) =>
      code.split("\n"),
    );
    const inline = [...text.replaceAll(/^```.*?^```/gms, "").matchAll(/`([^`]*)`/g)];
    return [...fences, ...inline.map(([, code = ""]) => code)].flatMap(gcloudIn);
  });
}

/** Arguments of the gcloud calls in a line of shell, up to a pipe or a comment. */
function gcloudIn(line: string): string[][] {
  const [, rest] = /(?:^|[|(] ?)gcloud (.*)$/.exec(line) ?? [];
  if (rest === undefined) return [];
  const [call = ""] = /^(?:'[^']*'|"[^"]*"|[^'"|#)])*/.exec(rest) ?? [];
  const words = call.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const args = words.map((word) => word.replaceAll(/['"]/g, "").replace(/^N$/, "1"));
  return [
    args.map((arg) => arg.replace(/\$?PROJECT/, PROJECT).replaceAll(/^[A-Z_]{3,}$/g, "name")),
  ];
}

/**
 * Runs a gcloud command until it calls Google, which it does only with valid arguments.
 *
 * @returns gcloud's usage error; undefined if there is none
 */
async function findMistake(args: readonly string[]): Promise<string | undefined> {
  const sockets: Socket[] = [];
  let called = () => {};
  const google = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    called();
  });
  await new Promise<void>((resolve) => google.listen(0, "127.0.0.1", resolve));
  const { port } = google.address() as AddressInfo;
  const child = spawn("gcloud", args, {
    env: { ...process.env, ...gcloudEnvironment(`http://127.0.0.1:${port}`) },
    stdio: ["ignore", "ignore", "pipe"],
    // gcloud is a script that starts Python. A process group of their own ends both.
    detached: true,
  });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const stop = () => {
    const running = child.exitCode === null && child.signalCode === null;
    if (child.pid !== undefined && running) process.kill(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(stop, TIMEOUT);
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      called = () => resolve(undefined);
      child.on("error", reject);
      child.on("close", (status) => {
        // gcloud auth goes no further without a login, and an endpoint that no property overrides
        // is waited for; a mistake ends gcloud at once.
        const understood = status === 0 || status === null || (args[0] === "auth" && status === 1);
        resolve(understood ? undefined : said.trim());
      });
    });
  } finally {
    clearTimeout(timer);
    stop();
    for (const socket of sockets) socket.destroy();
    google.close();
  }
}

/** A command without names and values of flags. */
function kindOf(args: readonly string[]): string {
  return args
    .filter((arg, index) => arg.startsWith("-") || !args[index - 1]?.startsWith("-"))
    .map((arg) => (/^[a-z-]+$/.test(arg) ? arg : "…"))
    .join(" ");
}
