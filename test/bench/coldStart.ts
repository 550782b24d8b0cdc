import { NODE_FLAGS } from "../../infra/web/serviceContainer.ts";
import { startSecretManager } from "../local/secretManager.ts";
import type { ServerCommand } from "./childServer.ts";
import { parseCommandLine, progress, run } from "./commandLine.ts";
import { placement } from "./cores.ts";
import type { Goal } from "./goals.ts";
import { startTime } from "./startTime.ts";
import { median, medianRatio, spread } from "./statistics.ts";
import { formatNumber, formatShare, renderTable } from "./table.ts";
import { SECRET } from "./visitor.ts";
import { WorkFolder } from "./workFolder.ts";

const USAGE = `Usage: npm run bench:start [-- OPTIONS]

Measures a cold start: from the start of the process to the first 200 of /health/ready.

  --runs N      starts of each server, in turns (default 25)
  --json FILE   write the figures as JSON
  --no-goals    end with status 0 even if a goal is missed
  -h, --help    print this
`;

const MEGABYTE = 1_000_000;

const BARE = "node:http, answers 200";
const EXPRESS = "Express from node_modules";
const EXPRESS_WHOLE = "  the same, compiled as Phoenix is";
const SECRET_MANAGER = "Phoenix, key from Secret Manager";

const NOTES = `What Express alone takes, compiled as the service is, is the limit for whatever runs on it.
`;

interface Row {
  readonly title: string;
  readonly command: ServerCommand;
  /** Milliseconds. */
  readonly times: number[];
}

await run(USAGE, async (args) => {
  const options = parseCommandLine(args, { runs: 25 });
  if (options.help) return undefined;
  using work = new WorkFolder();
  const secretManager = await startSecretManager();
  try {
    const { store } = secretManager.standIn;
    store.createSecret("bench", "SECRET_KEY", {});
    store.add("bench", "SECRET_KEY", { data: Buffer.from(SECRET).toString("base64") });
    const { directory, programBytes } = work.unpackService();
    const phoenix = (env: Record<string, string>): ServerCommand => ({
      command: ["node", ...NODE_FLAGS, "index.js"],
      cwd: directory,
      env: { SESSION_COOKIE_SECURE: "false", ...env },
    });
    const rows: Row[] = [
      {
        title: BARE,
        command: { command: ["node", work.compile("nodeHttp.ts", "cjs")] },
        times: [],
      },
      {
        title: EXPRESS,
        command: { command: ["node", work.compile("expressHealth.ts", "cjs")] },
        times: [],
      },
      {
        title: EXPRESS_WHOLE,
        command: { command: ["node", work.compileWhole("expressHealth.ts")] },
        times: [],
      },
      { title: "Phoenix, key given", command: phoenix({ SECRET_KEY: SECRET }), times: [] },
      {
        title: SECRET_MANAGER,
        command: phoenix({
          SECRET_KEY: "sm://bench/SECRET_KEY",
          SECRET_MANAGER_ENDPOINT: secretManager.url,
        }),
        times: [],
      },
    ];
    const cores = placement();
    for (let turn = 0; turn < options.numbers.runs; turn += 1) {
      for (const { title, command, times } of rows) {
        progress(`start ${turn + 1} of ${options.numbers.runs}: ${title}`);
        times.push(await startTime({ ...command, pin: cores.server }));
      }
    }
    progress("");
    return {
      report: [
        `Node ${process.version}, ${options.numbers.runs} starts of each, ${cores.description}\n`,
        tableOf(rows),
        NOTES,
        `The programs of the archive are ${formatNumber(programBytes / 1000)} kB.\n`,
      ].join("\n"),
      goals: goalsOf(rows, programBytes),
      figures: {
        placement: cores.description,
        starts: rows.map(({ title, times }) => ({ title, median: median(times), times })),
        programBytes,
      },
      options,
    };
  } finally {
    await secretManager.close();
  }
});

function tableOf(rows: readonly Row[]): string {
  const bare = rows.find(({ title }) => title === BARE)?.times ?? [];
  return renderTable<Row>(
    [
      { heading: "Server", cell: ({ title }) => title, align: "left" },
      { heading: "ready after ms", cell: ({ times }) => formatNumber(median(times), 1) },
      { heading: "+-", cell: ({ times }) => formatShare(spread(times) / 2) },
      { heading: "least ms", cell: ({ times }) => formatNumber(Math.min(...times), 1) },
      { heading: "of bare", cell: ({ times }) => formatNumber(medianRatio(times, bare), 2) },
    ],
    rows,
  );
}

function goalsOf(rows: readonly Row[], programBytes: number): Goal[] {
  const times = (title: string) => rows.find((row) => row.title === title)?.times ?? [];
  return [
    {
      title: "start of node:http",
      figure: medianRatio(times(SECRET_MANAGER), times(BARE)),
      atMost: 3,
      unit: "times",
      digits: 2,
    },
    {
      title: "start of Express from node_modules",
      figure: medianRatio(times(SECRET_MANAGER), times(EXPRESS)),
      atMost: 1,
      unit: "times",
      digits: 2,
    },
    {
      title: "programs of the archive",
      figure: programBytes / MEGABYTE,
      atMost: 1,
      unit: "MB",
      digits: 2,
    },
  ];
}
