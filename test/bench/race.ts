import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Candidate, VISITORS } from "./candidates.ts";
import { ChildServer } from "./childServer.ts";
import { progress } from "./commandLine.ts";
import type { Placement } from "./cores.ts";
import type { LoadFigures, LoadGenerator } from "./load.ts";
import { median, spread } from "./statistics.ts";
import { PATH, visitorSession } from "./visitor.ts";
import type { WorkFolder } from "./workFolder.ts";

/** How the candidates are measured. */
export interface Rules {
  readonly rounds: number;
  /** Seconds of load on each server in each round. */
  readonly seconds: number;
  readonly connections: number;
  readonly placement: Placement;
  readonly generator: LoadGenerator;
  /** Folder for a CPU profile of each server that runs on Node. */
  readonly profile?: string | undefined;
}

/** What a candidate did, round by round. */
export interface Result {
  readonly name: string;
  readonly title: string;
  /** Requests a second. */
  readonly rates: readonly number[];
  /** Milliseconds. */
  readonly p50: readonly number[];
  readonly p99: readonly number[];
  /** Microseconds of the server's CPU for a request. */
  readonly cpu: readonly number[];
  /** Shares of its core that the server had. */
  readonly core: readonly number[];
  /** Most bytes resident at a time, the median of the heats; NaN where the system does not tell. */
  readonly peakMemory: number;
  /** Bytes of the Cookie header, name and all. */
  readonly cookie: number;
}

interface Runner {
  readonly candidate: Candidate;
  readonly server: ChildServer;
  readonly cookies: string | undefined;
  readonly cookieBytes: number;
  readonly rounds: Round[];
}

/** `cpu` is in seconds. */
type Round = LoadFigures & { readonly cpu: number };

/** A server that is asked for all it can do takes at least this share of a core that is its own. */
const WHOLE_CORE = 0.93;
const TRIES = 4;

/** Seconds of load until a server's code is compiled: before, some answers take 0.1 s. */
const WARM_UP = 4;

/** Two processes of one program can differ by a tenth for as long as they run. */
const HEATS = 3;

/** Starts all servers anew for each heat; a result is of all rounds of all heats. */
export async function race(
  candidates: readonly Candidate[],
  rules: Rules,
  work: WorkFolder,
): Promise<Result[]> {
  const heats = Math.min(HEATS, rules.rounds);
  const results: Result[][] = [];
  for (let heat = 0; heat < heats; heat += 1) {
    const rounds = Math.floor((rules.rounds + heat) / heats);
    const name = `heat ${heat + 1} of ${heats}`;
    results.push(await run(candidates, { ...rules, rounds }, work, name));
  }
  progress("");
  return candidates.map((_candidate, index) => merge(results.flatMap((heat) => heat[index] ?? [])));
}

/**
 * Lets all servers run at a time and puts load on one after the other, round by round, so that what
 * disturbs the machine disturbs all. Each round begins with another of them.
 */
async function run(
  candidates: readonly Candidate[],
  rules: Rules,
  work: WorkFolder,
  heat: string,
): Promise<Result[]> {
  await using servers = new AsyncDisposableStack();
  const runners: Runner[] = [];
  for (const candidate of candidates) {
    progress(`starting ${candidate.title}`);
    const server = servers.use(await ChildServer.start(command(candidate, rules)));
    runners.push(await prepare(candidate, server, work));
  }
  for (const runner of runners) {
    progress(`warming up ${runner.candidate.title}`);
    await rules.generator.run({ ...loadOn(runner, rules), seconds: WARM_UP });
  }
  for (let round = 0; round < rules.rounds; round += 1) {
    for (let turn = 0; turn < runners.length; turn += 1) {
      const runner = runners[(round + turn) % runners.length];
      if (runner === undefined) continue;
      progress(`${heat}, round ${round + 1} of ${rules.rounds}: ${runner.candidate.title}`);
      runner.rounds.push(await measureUndisturbed(runner, rules));
    }
  }
  return runners.map(resultOf);
}

/**
 * Measures again if something else had the core meanwhile, and takes what was disturbed least. A
 * server that waits for files never takes all of its core, and is measured that often.
 */
async function measureUndisturbed(runner: Runner, rules: Rules): Promise<Round> {
  let best = await measure(runner, rules);
  for (let tried = 1; tried < TRIES && shareOf(best) < WHOLE_CORE; tried += 1) {
    const again = await measure(runner, rules);
    if (shareOf(again) > shareOf(best)) best = again;
  }
  return best;
}

async function measure(runner: Runner, rules: Rules): Promise<Round> {
  const before = runner.server.figures()?.cpu ?? Number.NaN;
  const figures = await rules.generator.run(loadOn(runner, rules));
  const after = runner.server.figures()?.cpu ?? Number.NaN;
  return { ...figures, cpu: after - before };
}

/** The share of its core that the server had. */
function shareOf({ cpu, seconds }: Round): number {
  return cpu / seconds;
}

function command({ start }: Candidate, { placement, profile }: Rules) {
  const [program = "", ...args] = start.command;
  const profiling = profile !== undefined && program === "node";
  return {
    ...start,
    pin: placement.server,
    ...(profiling && {
      command: [program, "--cpu-prof", `--cpu-prof-dir=${profile}`, ...args],
    }),
  };
}

/** Gets the visitors' cookies, and sees to it that the server does what is measured. */
async function prepare(
  candidate: Candidate,
  server: ChildServer,
  work: WorkFolder,
): Promise<Runner> {
  const url = server.url + PATH;
  const headers: string[] = [];
  if (candidate.cookies !== "none") {
    await expectStatus(url, undefined, 401);
    for (let visitor = 0; visitor < VISITORS; visitor += 1) {
      headers.push(
        candidate.cookies === "sign-in"
          ? await signIn(server.url, visitor, candidate.saved)
          : candidate.cookies(visitor),
      );
    }
  }
  await expectStatus(url, headers[0], 200);
  const cookies = join(work.path, `${candidate.name}.cookies`);
  if (headers.length > 0) writeFileSync(cookies, `${headers.join("\n")}\n`);
  return {
    candidate,
    server,
    cookies: headers.length > 0 ? cookies : undefined,
    cookieBytes: headers[0]?.length ?? 0,
    rounds: [],
  };
}

async function signIn(url: string, visitor: number, saved = false): Promise<string> {
  const query = new URLSearchParams({ visitor: String(visitor), ...(saved && { saved: "1" }) });
  for (const [name, value] of Object.entries(visitorSession(visitor))) {
    query.set(name, String(value));
  }
  const response = await fetch(`${url}/sign-in?${query}`);
  await response.arrayBuffer();
  const cookies = response.headers.getSetCookie().map((header) => header.split(";")[0]);
  if (cookies.length === 0)
    throw new Error(`${url} set no cookie, and answered ${response.status}.`);
  return cookies.join("; ");
}

async function expectStatus(url: string, cookie: string | undefined, status: number) {
  const response = await fetch(url, { headers: cookie === undefined ? {} : { cookie } });
  const body = await response.text();
  if (response.status !== status || body.includes('"code"') !== (status === 401)) {
    throw new Error(`${url} answered ${response.status}, not ${status}: ${body.slice(0, 300)}`);
  }
}

function loadOn({ server, cookies }: Runner, { seconds, connections }: Rules) {
  return { url: server.url + PATH, seconds, connections, cookies };
}

function resultOf({ candidate, server, cookieBytes, rounds }: Runner): Result {
  return {
    name: candidate.name,
    title: candidate.title,
    rates: rounds.map(({ requests, seconds }) => requests / seconds),
    p50: rounds.map(({ p50 }) => p50),
    p99: rounds.map(({ p99 }) => p99),
    cpu: rounds.map(({ cpu, requests }) => (cpu / requests) * 1e6),
    core: rounds.map(shareOf),
    peakMemory: server.figures()?.peakMemory ?? Number.NaN,
    cookie: cookieBytes,
  };
}

/** One result of the rounds of several heats. */
function merge(results: readonly Result[]): Result {
  const [first] = results;
  if (first === undefined) throw new Error("Nothing was measured.");
  return {
    ...first,
    rates: results.flatMap(({ rates }) => rates),
    p50: results.flatMap(({ p50 }) => p50),
    p99: results.flatMap(({ p99 }) => p99),
    cpu: results.flatMap(({ cpu }) => cpu),
    core: results.flatMap(({ core }) => core),
    peakMemory: median(results.map(({ peakMemory }) => peakMemory)),
  };
}

/** A result as `--json` writes it: medians, and every round. */
export function resultToJson({ rates, p50, p99, cpu, core, peakMemory, ...rest }: Result): object {
  return {
    ...rest,
    peakMemory: Number.isNaN(peakMemory) ? null : peakMemory,
    median: {
      requestsPerSecond: median(rates),
      p50: median(p50),
      p99: median(p99),
      cpuMicroseconds: median(cpu),
      shareOfCore: median(core),
    },
    spread: { requestsPerSecond: spread(rates), p99: spread(p99) },
    rounds: rates.map((rate, index) => ({
      requestsPerSecond: rate,
      p50: p50[index],
      p99: p99[index],
      cpuMicroseconds: cpu[index],
      shareOfCore: core[index],
    })),
  };
}
