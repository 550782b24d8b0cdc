import { UsageError } from "../../infra/commands/commandLine.ts";
import {
  APPLICATION,
  BARE,
  type Candidate,
  COOKIE_SESSION,
  candidates,
  ENDED,
  FLASK,
  type MissingCandidate,
  PHOENIX,
  SAVED,
  VISITORS,
  WITHOUT_ETAG,
  WITHOUT_SESSIONS,
} from "./candidates.ts";
import { parseCommandLine, run } from "./commandLine.ts";
import { placement } from "./cores.ts";
import type { Goal } from "./goals.ts";
import { loadGenerator } from "./load.ts";
import { type Result, race, resultToJson } from "./race.ts";
import { median, medianRatio, spread } from "./statistics.ts";
import { formatNumber, formatShare, renderTable } from "./table.ts";
import { WorkFolder } from "./workFolder.ts";

const USAGE = `Usage: npm run bench [-- OPTIONS]

Measures what a session costs: the same authenticated request at servers with different sessions,
in turns, on one core, with the load from another. Takes about five minutes,
and longer where other programs take the cores.

  --rounds N        rounds to measure (default 9)
  --seconds N       seconds for each server in each round (default 1)
  --connections N   requests under way at a time (default 32)
  --only NAMES      only these, besides bare Express, with commas between: ${[
    PHOENIX,
    SAVED,
    ENDED,
    COOKIE_SESSION,
  ].join(", ")},
                    memory-store, file-store, iron-session, fastify, secure-session, flask,
                    ${WITHOUT_ETAG}, ${APPLICATION}, ${WITHOUT_SESSIONS}
  --profile FOLDER  write a CPU profile of each server that runs on Node
  --json FILE       write the figures as JSON
  --no-goals        end with status 0 even if a goal is missed
  -h, --help        print this
`;

const MIB = 1024 * 1024;

const NOTES = `All do the same: read the session, look who is signed in, answer in JSON. The requests are those
of ${VISITORS} visitors in turns, each with a cookie of their own, so that every cookie is read anew. "With
saved data" is a second cookie beside it, which is opened too. What a million ended sessions cost a
request is less than two processes differ by: npm run bench:soak measures it in one.

Each server is started anew for every third of the rounds, because two processes of one program can
differ by a tenth. req/s, p50 and p99 are medians of the rounds; +- is how far the middle half of the rounds lies
apart. "core" is the share of its core that a server had: if that was much less than all, something
else ran there, and it was measured again. "CPU us" is the server's own, for a request; "of bare" is
the median of the rounds' ratios of requests for the same CPU time, which is what a core to itself
would show, whatever else runs here. Memory is the most that was resident, the median of the three
processes. All that run on Node have the flags that the service is deployed with.

The whole application also logs each request, sets security headers, and checks for CSRF;
without sessions, it does all that for a session that is always there. It sends neither ETag nor
X-Powered-By, which all others on Express do.
`;

await run(USAGE, async (args) => {
  const options = parseCommandLine(args, { rounds: 9, seconds: 1, connections: 32 }, [
    "only",
    "profile",
  ] as const);
  if (options.help) return undefined;
  using work = new WorkFolder();
  const entries = choose(candidates(work), options.texts.only);
  const absent = entries.filter((entry) => "reason" in entry);
  const cores = placement();
  const generator = loadGenerator(cores.generator);
  const { rounds, seconds, connections } = options.numbers;
  const rules = { ...options.numbers, placement: cores, generator, profile: options.texts.profile };
  const results = await race(
    entries.filter((entry) => "start" in entry),
    rules,
    work,
  );
  const heading =
    `Node ${process.version}, ${generator.name} with ${connections} connections, ` +
    `${rounds} rounds of ${seconds} s\n${cores.description}\n`;
  return {
    report: [
      heading,
      tableOf(results),
      ...absent.map(({ title, reason }) => `${title}: ${reason}\n`),
      NOTES,
    ].join("\n"),
    goals: goalsOf(results),
    figures: {
      generator: generator.name,
      placement: cores.description,
      ...options.numbers,
      results: results.map(resultToJson),
      absent,
    },
    options,
  };
});

function choose(all: (Candidate | MissingCandidate)[], only: string | undefined) {
  if (only === undefined) return all;
  const names = only.split(",");
  const unknown = names.filter((name) => all.every((entry) => entry.name !== name));
  if (unknown.length > 0) throw new UsageError(`--only: there is no ${unknown.join(", ")}.`);
  return all.filter(({ name }) => name === BARE || names.includes(name));
}

function tableOf(results: readonly Result[]): string {
  const bare = results.find(({ name }) => name === BARE);
  return renderTable<Result>(
    [
      { heading: "Server", cell: ({ title }) => title, align: "left" },
      { heading: "req/s", cell: ({ rates }) => formatNumber(median(rates)) },
      { heading: "+-", cell: ({ rates }) => formatShare(spread(rates) / 2) },
      {
        heading: "of bare",
        cell: (row) => formatNumber(bare ? rateRatio(row, bare) : Number.NaN, 2),
      },
      { heading: "p50 ms", cell: ({ p50 }) => formatNumber(median(p50), 2) },
      { heading: "p99 ms", cell: ({ p99 }) => formatNumber(median(p99), 2) },
      { heading: "+-", cell: ({ p99 }) => formatShare(spread(p99) / 2) },
      { heading: "core", cell: ({ core }) => formatShare(median(core)) },
      { heading: "CPU us", cell: ({ cpu }) => formatNumber(median(cpu)) },
      { heading: "peak MiB", cell: ({ peakMemory }) => formatNumber(peakMemory / MIB) },
      { heading: "Cookie B", cell: ({ cookie }) => formatNumber(cookie) },
    ],
    results,
  );
}

function goalsOf(results: readonly Result[]): Goal[] {
  const find = (name: string) => results.find((result) => result.name === name);
  const [bare, phoenix] = [find(BARE), find(PHOENIX)];
  const rate = (of: Result | undefined, to: Result | undefined) =>
    of && to ? rateRatio(of, to) : Number.NaN;
  const times = { unit: "times", digits: 2 };
  return [
    {
      title: "requests/s of bare Express",
      figure: rate(phoenix, bare),
      atLeast: 0.7,
      ...times,
    },
    {
      title: "requests/s of bare Express, the whole application",
      figure: rate(find(APPLICATION), bare),
      atLeast: 0.6,
      ...times,
    },
    {
      title: "requests/s of signed cookie-session",
      figure: rate(phoenix, find(COOKIE_SESSION)),
      atLeast: 2,
      ...times,
    },
    {
      title: "requests/s of Flask under gunicorn",
      figure: rate(phoenix, find(FLASK)),
      atLeast: 5,
      ...times,
    },
    {
      title: "p99 of bare Express",
      figure: medianRatio(phoenix?.p99 ?? [], bare?.p99 ?? []),
      atMost: 2,
      ...times,
    },
    {
      title: "peak memory of bare Express",
      figure: (phoenix?.peakMemory ?? Number.NaN) / (bare?.peakMemory ?? Number.NaN),
      atMost: 1.2,
      ...times,
    },
    {
      title: "Cookie header",
      figure: phoenix?.cookie ?? Number.NaN,
      atMost: 2048,
      unit: "bytes",
    },
    {
      title: "Cookie header with saved data",
      figure: find(SAVED)?.cookie ?? Number.NaN,
      atMost: 2560,
      unit: "bytes",
    },
  ];
}

/** Requests of one server per request of the other, for the same CPU time. */
function rateRatio(of: Result, to: Result): number {
  // Without CPU times, compares requests per second.
  return to.cpu.some(Number.isNaN) ? medianRatio(of.rates, to.rates) : medianRatio(to.cpu, of.cpu);
}
