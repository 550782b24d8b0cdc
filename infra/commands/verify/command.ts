import { OperatorError } from "../../../service/contract/errors.ts";
import { sessionCookie } from "../../../service/session/cookie.ts";
import { UsageError } from "../commandLine.ts";
import { judge, type Result } from "./checks/all.ts";
import type { Snapshot } from "./observations.ts";
import { HELP, parseVerifyOptions, type VerifyOptions } from "./options.ts";
import { clean, Secrets } from "./output.ts";
import { describeRun, isPassed, type Paint, runToJson } from "./report.ts";
import { InterruptedError, parseSession } from "./sessionInput.ts";
import { Client } from "./site/client.ts";
import { readSnapshot, takeSnapshot, writeSnapshot } from "./snapshot.ts";
import { openSite } from "./visit/open.ts";
import { type Visited, visitSite } from "./visit/visit.ts";

/** The command's surroundings. */
export interface CommandDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints what was asked for. */
  readonly print: (text: string) => void;
  /** Prints what goes on, beside it. */
  readonly tell: (text: string) => void;
  /** Shows what is being done in place of what was shown last; without a text, nothing. */
  readonly progress: (text?: string) => void;
  readonly paint: Paint;
  /** Asks for one line without showing it; undefined if nobody is there. May throw InterruptedError. */
  readonly askHidden: ((question: string) => Promise<string>) | undefined;
  readonly fetch: typeof fetch;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * Runs `npm run verify` and returns its exit status: 0 nothing failed, 1 something did, 2 called in
 * a wrong way.
 */
export async function runVerifyCommand(
  args: readonly string[],
  deps: CommandDeps,
): Promise<0 | 1 | 2> {
  const secrets = new Secrets();
  const asked: { json?: boolean } = {};
  try {
    const options = parseVerifyOptions(args);
    if (options === "help") {
      deps.print(HELP);
      return 0;
    }
    asked.json = options.json;
    return (await runVerification(options, deps, secrets)) ? 0 : 1;
  } catch (error) {
    deps.progress();
    if (error instanceof InterruptedError) return 1;
    if (!(error instanceof OperatorError)) throw error;
    const message = secrets.hide(error.message).split("\n").map(clean).join("\n");
    if (asked.json) {
      deps.print(JSON.stringify({ ok: false, error: { code: error.code, message } }, null, 2));
    } else {
      deps.tell(message);
    }
    if (!(error instanceof UsageError)) return 1;
    if (!asked.json) deps.tell("See npm run verify -- --help.");
    return 2;
  }
}

async function runVerification(
  options: VerifyOptions,
  deps: CommandDeps,
  secrets: Secrets,
): Promise<boolean> {
  const { clock, progress, print, paint } = deps;
  const began = clock();
  const snapshot = options.before === undefined ? undefined : await readSnapshot(options.before);
  if (snapshot !== undefined) secrets.add(snapshot.cookie.value);
  const client = new Client({ fetch: deps.fetch, clock, timeout: options.timeout * 1000 });
  const visited = await visit(options, snapshot, client, deps, secrets);
  progress();
  const { seen } = visited;
  const results = judge(seen).map((result) => presentable(result, secrets));
  if (options.json) print(JSON.stringify(runToJson(seen, results), null, 2));
  else print(describeRun(seen, results, (clock() - began) / 1000, paint));
  return (await save(options, visited, deps)) && isPassed(results);
}

async function visit(
  options: VerifyOptions,
  snapshot: Snapshot | undefined,
  client: Client,
  { env, progress, random, askHidden }: CommandDeps,
  secrets: Secrets,
): Promise<Visited> {
  progress(`looking for the service at ${options.site.host}`);
  const opened = await openSite(client, options.site);
  const { url, https } = opened.site;
  requireSameSite(snapshot, url);
  const given = env.PHOENIX_SESSION ? parseSession(env.PHOENIX_SESSION, https) : undefined;
  const ask =
    askHidden &&
    (async () => {
      progress();
      const text = await askHidden(question(https));
      return text.trim() === "" ? undefined : parseSession(text, https);
    });
  return visitSite(
    opened,
    { ...options, snapshot, given },
    { client, secrets, random, progress: (text) => progress(clean(text)), ask },
  );
}

function question(https: boolean): string {
  const { name } = sessionCookie(https);
  return `Paste the value of the cookie ${name} (nothing is shown), or press Enter to do without: `;
}

/** A session goes to nobody but the site that it is from. */
function requireSameSite(snapshot: Snapshot | undefined, { origin }: URL): void {
  if (snapshot === undefined || snapshot.site === origin) return;
  throw new UsageError(
    `What --before names was saved of ${snapshot.site}, not of ${origin}. Its session is ` +
      "sent to no other site.",
  );
}

/** What came from outside is in it: nothing that turns a terminal's head, and nothing secret. */
function presentable(result: Result, secrets: Secrets): Result {
  const show = (text: string) => clean(secrets.hide(text));
  const findings = result.findings.map(({ cause, remedy }) => ({
    cause: show(cause),
    remedy: show(remedy),
  }));
  return { ...result, seen: show(result.seen), findings };
}

/** False if it was asked for and could not be done. */
async function save(
  { save: file, json }: VerifyOptions,
  { seen, cookie }: Visited,
  { tell }: CommandDeps,
): Promise<boolean> {
  if (file === undefined) return true;
  if (cookie === undefined) {
    tell(
      "Nothing was saved: without a session there is nothing that could survive a deployment. " +
        "Give a session in PHOENIX_SESSION.",
    );
    return false;
  }
  await writeSnapshot(file, takeSnapshot(seen, cookie));
  if (!json) {
    tell(
      `Saved. ${clean(file)} holds a session: keep it to yourself, and delete it after the ` +
        "deployment.\n" +
        `Then: npm run verify -- ${seen.site.url.origin} --before ${clean(file)}`,
    );
  }
  return true;
}
