import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { runBootstrapCommand } from "../../infra/commands/bootstrap/command.ts";
import { runProgram } from "../../infra/commands/runProgram.ts";
import { answer, emptyWorld, PROJECT, type World } from "../infra/commands/bootstrap/cloud.ts";

/**
 * `npm run test:gcloud`: has the gcloud that is installed parse every gcloud command that a README
 * names and that `npm run bootstrap` runs or prints, without credentials and without a network.
 */

/** APIs of the commands, as gcloud's properties name them. */
const APIS = [
  ...["cloudbilling", "cloudkms", "cloudresourcemanager", "iam", "logging", "run"],
  ...["secretmanager", "serviceusage", "storage"],
];
const REPOSITORY = join(import.meta.dirname, "../..");
/** Milliseconds in which gcloud has said what is wrong with a command, on a busy machine too. */
const TIMEOUT = 20_000;

/** All that bootstrap can run: in an empty account, and where all has to be changed. */
async function bootstrapCommands(): Promise<string[][]> {
  const commands: string[][] = [];
  const run = async (world: World, args: readonly string[]) => {
    const status = await runBootstrapCommand([...args, "--project", PROJECT, "--yes"], {
      env: {},
      print: () => {},
      tell: () => {},
      ask: undefined,
      async run(program, args) {
        if (program === "gcloud") commands.push([...args]);
        return answer(world, program, args);
      },
      readFile: (path) => (path === "Pulumi.yaml" ? "name: phoenix" : world.file),
      wait: async () => {},
      fetch: async () => new Response(null, { status: 403 }),
    });
    if (status !== 0) throw new Error("The bootstrap of these checks itself failed.");
  };
  const world = emptyWorld();
  const args = ["dev", "--github", "acme/phoenix", "--billing-account", "012345-6789AB-CDEF01"];
  await run(world, args);
  world.bucket = { versioning: false, uniform: false, prevention: false };
  world.pool = "DELETED";
  for (const provider of world.providers.values()) {
    Object.assign(provider, { state: "DELETED", disabled: true });
  }
  await run(world, args);
  return commands;
}

/** Commands in the code of the READMEs, with values for what they leave open. */
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

/** The arguments of gcloud, if the line of shell calls it, up to a pipe or a comment. */
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
 * Has gcloud run a command until it calls Google, which it does once it has understood it.
 *
 * @returns what is wrong with the command; undefined if nothing is
 */
async function findMistake(args: readonly string[], config: string): Promise<string | undefined> {
  const sockets: Socket[] = [];
  let called = () => {};
  const google = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    called();
  });
  await new Promise<void>((resolve) => google.listen(0, "127.0.0.1", resolve));
  const { port } = google.address() as AddressInfo;
  const endpoints = APIS.map((api) => [
    `CLOUDSDK_API_ENDPOINT_OVERRIDES_${api.toUpperCase()}`,
    `http://127.0.0.1:${port}/`,
  ]);
  const child = spawn("gcloud", args, {
    env: {
      ...process.env,
      ...Object.fromEntries(endpoints),
      CLOUDSDK_CONFIG: config,
      CLOUDSDK_CORE_PROJECT: PROJECT,
      CLOUDSDK_AUTH_DISABLE_CREDENTIALS: "true",
      CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
      CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "true",
    },
    stdio: ["ignore", "ignore", "pipe"],
    // gcloud is a script that starts Python: a group of their own ends both.
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

async function main(): Promise<number> {
  const version = await runProgram("gcloud", ["--version"]);
  if (version.status !== 0) {
    console.log("gcloud is not installed here: nothing has parsed the commands for it.");
    return 0;
  }
  console.log(version.stdout.split("\n")[0]);
  const commands = [...(await bootstrapCommands()), ...readmeCommands()];
  // Commands that differ in their values only are parsed alike.
  const kinds = new Map(commands.map((args) => [kindOf(args), args]));
  const queue = [...kinds.values()];
  const count = queue.length;
  const config = mkdtempSync(join(tmpdir(), "phoenix-gcloud-"));
  let mistakes = 0;
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let args = queue.pop(); args !== undefined; args = queue.pop()) {
        const mistake = await findMistake(args, config);
        if (mistake === undefined) continue;
        mistakes += 1;
        console.log(`gcloud ${args.join(" ")}\n${mistake}\n`);
      }
    }),
  );
  rmSync(config, { recursive: true, force: true });
  console.log(`${count - mistakes} passed, ${mistakes} failed`);
  return mistakes === 0 ? 0 : 1;
}

/** A command without the values of its flags and without all names but its own. */
function kindOf(args: readonly string[]): string {
  return args
    .filter((arg, index) => arg.startsWith("-") || !args[index - 1]?.startsWith("-"))
    .map((arg) => (/^[a-z-]+$/.test(arg) ? arg : "…"))
    .join(" ");
}

process.exitCode = await main();
