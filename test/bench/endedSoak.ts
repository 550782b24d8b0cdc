import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { NODE_FLAGS } from "../../infra/web/serviceContainer.ts";
import { markObject, sessionHash } from "../../service/ended/marks.ts";
import type { StoredObject } from "../local/storage/objects.ts";
import { startStorage } from "../local/storage.ts";
import { VISITORS } from "./candidates.ts";
import { ChildServer, type ServerCommand } from "./childServer.ts";
import { type Findings, progress } from "./commandLine.ts";
import type { Placement } from "./cores.ts";
import type { Goal } from "./goals.ts";
import { type LoadGenerator, loadGenerator } from "./load.ts";
import { inUse, memoryOf } from "./memory.ts";
import { startTime } from "./startTime.ts";
import { medianRatio } from "./statistics.ts";
import { formatNumber, renderTable } from "./table.ts";
import { createPhoenixCookies, PATH, SECRET } from "./visitor.ts";
import type { WorkFolder } from "./workFolder.ts";

const BUCKET = "ended";
/**
 * Starts with and without ended sessions, in turns; the least counts, because this process is the
 * stand-in.
 */
const STARTS = 9;
/** Rounds of load with and without ended sessions, in turns at one process. */
const ROUNDS = 20;
const SECONDS = { round: 1, warmUp: 4 };
const CONNECTIONS = 32;
const MEGABYTE = 1_000_000;
/** Memory that the ended sessions may take. */
const MAX_MEMORY = 32;

interface Row {
  readonly title: string;
  readonly ended: number;
  /** Milliseconds until `/health/ready` answers with 200. */
  readonly ready: number[];
  /** Milliseconds until somebody who is signed in gets an answer. */
  readonly served: number[];
  /** Bytes in use after that. */
  readonly memory: number;
  /**
   * Bytes in use of sessions on Express that have learned of so many one by one, but for the last:
   * with every 100,000th mark, half of those in memory are forgotten.
   */
  readonly learned: number;
}

/** What a start, memory and a request cost with so many ended sessions, and with none. */
export async function measureEnded(
  count: number,
  work: WorkFolder,
  { server: pin, generator }: Placement,
): Promise<Findings> {
  progress(`making ${formatNumber(count)} marks`);
  const cookieOf = createPhoenixCookies();
  const cookies = Array.from({ length: VISITORS }, (_, visitor) => cookieOf(visitor));
  const [cookie = ""] = cookies;
  const { directory } = work.unpackService();
  const control = work.compile("memoryControl.ts", "cjs");
  const node = ["node", ...NODE_FLAGS];
  const gc = [...node, "--expose-gc", "--require", control];
  const sessions = work.compile("phoenixSessions.ts");
  const rows: (Row & { readonly command: ServerCommand })[] = [];
  await using stack = new AsyncDisposableStack();
  for (const ended of [0, count]) {
    const snapshot = [{ name: BUCKET, objects: marks(ended) }];
    const storage = stack.use(await startStorage({ snapshot }));
    const command = {
      command: [...node, "index.js"],
      cwd: directory,
      env: {
        SECRET_KEY: SECRET,
        SESSION_COOKIE_SECURE: "false",
        ENDED_SESSIONS: `gs://${BUCKET}`,
        CLOUD_STORAGE_ENDPOINT: storage.url,
      },
      pin,
    };
    rows.push({
      title: ended === 0 ? "none" : formatNumber(ended),
      ended,
      command,
      ready: [],
      served: [],
      memory: await memoryAfterRequest({ ...command, command: [...gc, "index.js"] }, cookie),
      learned: await memoryAfterRequest(
        { command: [...gc, sessions], env: { ENDED: String(Math.max(0, ended - 1)) }, pin },
        cookie,
      ),
    });
  }
  for (let turn = 1; turn <= STARTS; turn += 1) {
    for (const { title, command, ready, served } of rows) {
      progress(`start ${turn} of ${STARTS} with ${title}`);
      ready.push(await startTime(command));
      served.push(await startTime(command, { path: PATH, headers: { cookie } }));
    }
  }
  const file = join(work.path, "ended.cookies");
  writeFileSync(file, `${cookies.join("\n")}\n`);
  const command = { command: [...node, sessions], env: { ENDED: String(count) }, pin };
  const cost = await measureCost(command, { generator: loadGenerator(generator), cookies: file });
  progress("");
  const figures = rows.map(({ command: _, ...figures }) => figures);
  const ratio = medianRatio(cost.all, cost.none);
  return {
    report: tableOf(figures),
    goals: [
      ...goalsOf(figures),
      {
        title: `CPU for a request with ${formatNumber(count)} ended sessions, of that with none`,
        figure: ratio,
        atMost: 1.03,
        unit: "times",
        digits: 3,
      },
    ],
    figures: { ended: figures, cost },
  };
}

/** Microseconds of CPU for a request, in turns at one process, because two differ by a tenth. */
async function measureCost(
  command: ServerCommand,
  { generator, cookies }: { readonly generator: LoadGenerator; readonly cookies: string },
): Promise<Record<"none" | "all", number[]>> {
  await using server = await ChildServer.start({ ...command, ipc: true });
  const run = (seconds: number) =>
    generator.run({ url: server.url + PATH, connections: CONNECTIONS, seconds, cookies });
  const times: Record<"none" | "all", number[]> = { none: [], all: [] };
  for (const turn of ["none", "all"] as const) {
    server.process.send(turn);
    await run(SECONDS.warmUp);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    progress(`requests, round ${round + 1} of ${ROUNDS}`);
    const order = ["none", "all"] as const;
    for (const turn of round % 2 === 0 ? order : order.toReversed()) {
      server.process.send(turn);
      const before = server.figures()?.cpu ?? Number.NaN;
      const { requests } = await run(SECONDS.round);
      const seconds = (server.figures()?.cpu ?? Number.NaN) - before;
      times[turn].push((seconds / requests) * 1e6);
    }
  }
  return times;
}

/** Names begin with the newest, so this is their order: one ended each second. */
function marks(count: number): StoredObject[] {
  const now = Date.now() / 1000;
  return Array.from({ length: count }, (_, index) => {
    const time = now - index;
    const who = { kind: "s", hash: sessionHash(`ended ${index}`) } as const;
    const name = markObject("feed", { who, time }, "abcdefghij_");
    return { name, timeCreated: time, contentType: "text/plain" };
  });
}

async function memoryAfterRequest(command: ServerCommand, cookie: string): Promise<number> {
  await using server = await ChildServer.start({ ...command, ipc: true });
  const { status } = await fetch(server.url + PATH, { headers: { cookie } });
  if (status !== 200) throw new Error(`${PATH} answered ${status}.`);
  return inUse(await memoryOf(server));
}

function tableOf(rows: readonly Row[]): string {
  return renderTable<Row>(
    [
      { heading: "ended", cell: ({ title }) => title, align: "left" },
      { heading: "ready after ms", cell: ({ ready }) => formatNumber(Math.min(...ready), 1) },
      { heading: "signed in after ms", cell: ({ served }) => formatNumber(Math.min(...served), 1) },
      { heading: "in use MB", cell: ({ memory }) => formatNumber(memory / MEGABYTE, 1) },
      { heading: "learned MB", cell: ({ learned }) => formatNumber(learned / MEGABYTE, 1) },
    ],
    rows,
  );
}

function goalsOf([none, many]: readonly Row[]): Goal[] {
  if (none === undefined || many === undefined) return [];
  const times = { unit: "times", digits: 2 };
  const megabytes = { unit: "MB", atMost: MAX_MEMORY, digits: 1 };
  const ended = `${many.title} ended sessions`;
  return [
    {
      title: `start with ${ended}, of that with none`,
      figure: Math.min(...many.ready) / Math.min(...none.ready),
      atMost: 1.1,
      ...times,
    },
    {
      title: `start to the first answer with ${ended}, of that with none`,
      figure: Math.min(...many.served) / Math.min(...none.served),
      // One page of 1,000 marks is read, and made by the stand-in, which shares the machine.
      atMost: 1.25,
      ...times,
    },
    {
      title: `memory for ${ended} that were there before`,
      figure: (many.memory - none.memory) / MEGABYTE,
      ...megabytes,
    },
    {
      title: `memory for ${ended} that were learned one by one`,
      figure: (many.learned - none.learned) / MEGABYTE,
      ...megabytes,
    },
  ];
}
