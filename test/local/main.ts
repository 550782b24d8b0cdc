import { join } from "node:path";
import { UsageError } from "../../infra/commands/commandLine.ts";
import { say, showEvents, showRegions, warn } from "./console.ts";
import { LocalDeployment, type Ports, PortTakenError } from "./deployment.ts";
import { handleKeys, KEYS, regionKeys } from "./keyboard.ts";
import { type LocalOptions, parseOptions, USAGE } from "./options.ts";
import { rebuild } from "./rebuild.ts";
import { keptFile } from "./runFolder.ts";
import { type WatchError, watchFolder } from "./watch.ts";

/** The shortest times that the settings allow, so that one can watch a rotation. */
const FAST_ROTATION = { activationDelay: 90, refreshInterval: 10 };

const SERVICE = join(import.meta.dirname, "..", "..", "service");

/** Milliseconds between two checks whether npm still runs. */
const PARENT_POLL = 1_000;

/** Milliseconds between the two signals of one Ctrl-C: the terminal sends one, npm the other. */
const SAME_CTRL_C = 500;

let deployment: LocalDeployment | undefined;
let ending = false;

/** `npm start`: the stack on this machine, until Ctrl-C. Returns the exit code if it failed. */
async function main(args: readonly string[]): Promise<number> {
  const began = performance.now();
  endOnSignals();
  endWithNpm();
  try {
    const options = parseOptions(args);
    if (options === "help") {
      process.stdout.write(USAGE);
      return 0;
    }
    const running = await start(options);
    deployment = running;
    announce(running, options, performance.now() - began);
    if (options.watch) watchFolder(SERVICE, () => redeploy(running), warnUnwatched);
    const fail = (error: unknown) => warn(describe(error));
    handleKeys(process.stdin, { regions: running.regions, say, fail, end });
    return 0;
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    await deployment?.close();
    return error instanceof UsageError ? 2 : 1;
  }
}

function start(options: LocalOptions): Promise<LocalDeployment> {
  const { port, instances, regions, sessionType, provider } = options;
  const ports: Ports =
    port === 0
      ? { site: 0, identityProvider: 0, secretManager: 0 }
      : { site: port, identityProvider: port + 1, secretManager: port + 2 };
  return LocalDeployment.start({
    ports,
    instances,
    regions,
    provider,
    config: {
      keyActivationDelay: String(FAST_ROTATION.activationDelay),
      keyRefreshInterval: String(FAST_ROTATION.refreshInterval),
    },
    ...(sessionType === "filesystem" && { env: { SESSION_TYPE: "filesystem" } }),
    state: keptFile("secrets.json"),
    events: (region) => showEvents(regions > 1 ? region : ""),
    regionsEvents: showRegions(),
    sourceMaps: true,
  });
}

function announce(
  { url, fleet, regions, service, secretManager, secretKey }: LocalDeployment,
  { sessionType, provider }: LocalOptions,
  took: number,
): void {
  const { KEY_ACTIVATION_DELAY, KEY_REFRESH_INTERVAL } = service.env;
  const times = `KEY_ACTIVATION_DELAY=${KEY_ACTIVATION_DELAY} KEY_REFRESH_INTERVAL=${KEY_REFRESH_INTERVAL}`;
  const count = fleet.instances().length;
  const instances = count === 1 ? "1 instance" : `${count} instances`;
  const [near, ...others] = regions.all.map(({ name }) => name);
  const running =
    others.length === 0 ? instances : `${regions.all.length} regions with ${instances} each`;
  const paragraphs = [
    `The site is at ${url}
${running}, ready after ${(took / 1000).toFixed(1)} s. Ctrl-C ends everything.`,
    `Rotate SECRET_KEY; the new key signs ${KEY_ACTIVATION_DELAY} seconds later:
  ${times} \\
    npm run rotate -- --secret ${secretKey} --endpoint ${secretManager.url}`,
  ];
  if (others.length > 0) {
    paragraphs.push(`Requests go to ${near}, and to ${others.join(" or ")} while it is away.`);
  }
  if (provider !== "plain") {
    paragraphs.push(`The sign-in provider behaves like ${provider}: see service/README.md.`);
  }
  if (sessionType === "filesystem") {
    paragraphs.push(`Each instance keeps its sessions in its own files: expect to be asked to sign in again and again.
To see why: npm run verify -- ${url}`);
  }
  if (process.stdin.isTTY) {
    paragraphs.push(others.length === 0 ? KEYS : `${KEYS}\n${regionKeys(regions.all)}`);
  }
  process.stdout.write(`\n${paragraphs.join("\n\n")}\n\n`);
}

async function redeploy(running: LocalDeployment): Promise<void> {
  const began = performance.now();
  try {
    const { path } = await rebuild();
    const deployed = await running.roll({ archive: path });
    const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    say(deployed ? `the change is deployed after ${took}` : "nothing to deploy: same archive");
  } catch (error) {
    // Ctrl-C ends the compiler too.
    if (ending) return;
    warn(`${describe(error)}\nThe earlier instances keep running. Save again to retry.`);
  }
}

function warnUnwatched(error: WatchError): void {
  warn(`${error.message}\nUntil then, changes in that folder are not deployed.`);
}

/** Exits with status 0, because Ctrl-C is how this command ends. */
function endOnSignals(): void {
  let first: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      first ??= performance.now();
      if (deployment === undefined || performance.now() - first > SAME_CTRL_C) process.exit(0);
      else void end();
    });
  }
}

/**
 * Ends when npm ends. A signal to npm ends npm and its shell, but not this process, which then gets
 * another parent.
 */
function endWithNpm(): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
  }, PARENT_POLL).unref();
}

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  say("ending");
  await deployment?.close();
  process.exit(0);
}

/** Cause and remedy of an expected error; the stack of a bug. */
function describe(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\nSee npm start -- --help.`;
  if (error instanceof PortTakenError) {
    return `${error.message} This command needs it and two more. End what uses it, or use any free ports: npm start -- --port 0`;
  }
  if (error instanceof Error && "code" in error) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// At the end, because functions use constants from the whole module.
process.exitCode = await main(process.argv.slice(2));
