import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../infra/commands/commandLine.ts";
import { NODE_FLAGS } from "../../infra/web/serviceContainer.ts";
import { ChildServer } from "./childServer.ts";
import { type Findings, parseCommandLine, progress, run } from "./commandLine.ts";
import { type Placement, placement } from "./cores.ts";
import { measureEnded } from "./endedSoak.ts";
import type { Goal } from "./goals.ts";
import { loadGenerator } from "./load.ts";
import { inUse, type Memory, memoryOf } from "./memory.ts";
import { formatNumber, renderTable } from "./table.ts";
import { createPhoenixCookies, PATH, SECRET } from "./visitor.ts";
import { WorkFolder } from "./workFolder.ts";

const USAGE = `Usage: npm run bench:soak [-- OPTIONS]

Sends requests of many sessions to the service as it is deployed, and watches its memory: what it
has in use after the last request is compared with what it had after the first tenth. Takes about
five minutes. Before that, half a minute for what an instance's start and memory are with a million
ended sessions in the bucket.

  --requests N   how many, at least (default 1000000)
  --minutes N    ends after so many at the latest; too few requests by then miss a goal (default 20)
  --sessions N   sessions in each part of ten seconds; each part has others (default 20000)
  --ended N      sessions that have ended (default 1000000)
  --only NAME    only the requests, or only the ended: requests, ended
  --json FILE    write the figures as JSON
  --no-goals     end with status 0 even if a goal is missed
  -h, --help     print this
`;

const MIB = 1024 * 1024;
const CONNECTIONS = 32;
/** Seconds of load between two samples. */
const PART = 10;

interface Sample extends Memory {
  readonly requests: number;
  readonly sessions: number;
}

await run(USAGE, async (args) => {
  const options = parseCommandLine(
    args,
    { requests: 1_000_000, minutes: 20, sessions: 20_000, ended: 1_000_000 },
    ["only"] as const,
  );
  if (options.help) return undefined;
  const { only } = options.texts;
  if (only !== undefined && only !== "requests" && only !== "ended") {
    throw new UsageError(`--only: there is no ${only}.`);
  }
  using work = new WorkFolder();
  const cores = placement();
  const parts: Findings[] = [];
  if (only !== "requests") parts.push(await measureEnded(options.numbers.ended, work, cores));
  if (only !== "ended") parts.push(await measureRequests(options.numbers, work, cores));
  return {
    report: [
      `Node ${process.version}, ${cores.description}\n`,
      ...parts.map(({ report }) => report),
    ].join("\n"),
    goals: parts.flatMap(({ goals }) => goals),
    figures: Object.assign({}, ...parts.map(({ figures }) => figures)),
    options,
  };
});

async function measureRequests(
  { requests, minutes, sessions }: Record<"requests" | "minutes" | "sessions", number>,
  work: WorkFolder,
  cores: Placement,
): Promise<Findings> {
  const control = work.compile("memoryControl.ts", "cjs");
  await using server = await ChildServer.start({
    command: ["node", ...NODE_FLAGS, "--expose-gc", "--require", control, "index.js"],
    cwd: work.unpackService().directory,
    env: { SECRET_KEY: SECRET, SESSION_COOKIE_SECURE: "false" },
    pin: cores.server,
    ipc: true,
  });
  const generator = loadGenerator(cores.generator);
  const cookieOf = createPhoenixCookies();
  const file = join(work.path, "cookies");
  const samples: Sample[] = [];
  // The first tenth ends with a part, so parts are shorter if a tenth is short.
  const seconds = Math.max(1, Math.min(PART, Math.round(requests / 50_000)));
  let sent = 0;
  let seen = 0;
  const deadline = performance.now() + minutes * 60_000;
  while (sent < requests && performance.now() < deadline) {
    progress(`${formatNumber(sent)} of ${formatNumber(requests)} requests`);
    const cookies = Array.from({ length: sessions }, (_, index) => cookieOf(seen + index));
    writeFileSync(file, `${cookies.join("\n")}\n`);
    const load = { url: server.url + PATH, connections: CONNECTIONS, seconds, cookies: file };
    const figures = await generator.run(load);
    sent += figures.requests;
    seen += Math.min(sessions, figures.requests);
    samples.push({ requests: sent, sessions: seen, ...(await memoryOf(server)) });
  }
  progress("");
  const first = samples.find((sample) => sample.requests >= requests / 10);
  const last = samples.at(-1);
  if (first === undefined || last === undefined) {
    throw new Error(
      `In ${minutes} minutes not a tenth of the requests was answered. Allow more with --minutes.`,
    );
  }
  return {
    report: [
      `${generator.name} with ${CONNECTIONS} connections\n`,
      tableOf(samples),
      `${formatNumber(last.requests)} requests of ${formatNumber(last.sessions)} sessions were answered, all with 200. ` +
        "Memory is what is in use after a collection.\n",
    ].join("\n"),
    goals: goalsOf(first, last, requests),
    figures: { generator: generator.name, samples },
  };
}

function tableOf(samples: readonly Sample[]): string {
  return renderTable<Sample>(
    [
      { heading: "requests", cell: ({ requests }) => formatNumber(requests) },
      { heading: "sessions", cell: ({ sessions }) => formatNumber(sessions) },
      { heading: "resident MiB", cell: ({ rss }) => formatNumber(rss / MIB, 1) },
      { heading: "heap MiB", cell: ({ heapUsed }) => formatNumber(heapUsed / MIB, 2) },
      { heading: "outside heap MiB", cell: ({ external }) => formatNumber(external / MIB, 2) },
    ],
    samples,
  );
}

function goalsOf(first: Sample, last: Sample, requests: number): Goal[] {
  const times = { unit: "times", atMost: 1.1, digits: 3 };
  return [
    { title: "answered", figure: last.requests, atLeast: requests, unit: "requests" },
    {
      title: "memory in use, of that after the first tenth",
      ...times,
      figure: inUse(last) / inUse(first),
    },
    {
      title: "resident memory, of that after the first tenth",
      ...times,
      figure: last.rss / first.rss,
    },
    {
      title: "memory for each session since then",
      figure: Math.max(0, inUse(last) - inUse(first)) / Math.max(1, last.sessions - first.sessions),
      // Below the size of a list of sessions, and above the noise of garbage collections.
      atMost: 16,
      unit: "bytes",
      digits: 1,
    },
  ];
}
