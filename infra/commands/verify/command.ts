import { isIP } from "node:net";
import { application } from "../../../service/application.ts";
import { OperatorError } from "../../../service/contract/errors.ts";
import { printable } from "../../../service/pure/printable.ts";
import type { Terminal } from "../ask.ts";
import { createCommand, parseCommandLine, UsageError } from "../commandLine.ts";
import { comparisons, readSnapshot, takeSnapshot, writeSnapshot } from "./before.ts";
import { type Check, type CheckContext, failed } from "./check.ts";
import { FIRST, LAST, REQUESTS_FAILED } from "./checks.ts";
import { Client, Secrets } from "./client.ts";
import { describeRun, isPassed, type Paint, type Result, runToJson } from "./report.ts";
import type { fetchAt } from "./resolve.ts";
import { visitSite } from "./site.ts";

const DEFAULT_REQUESTS = 200;
const DEFAULT_TIMEOUT = 10;

const HELP = `Checks a running site: that sessions work on every instance, and that they are protected.

  npm run verify -- URL

At a site on this machine (npm start) it signs in by itself. Elsewhere it uses a session of yours:
sign in with a browser, open its developer tools, and copy the value of the cookie __Host-session.
The command asks for it and shows nothing of it, or takes it from the environment variable
PHOENIX_SESSION. Without one, it does the checks that need no session. You stay signed in, and what
you keep there stays as it is.

Options
  --page PATH      A page that needs sign-in (default ${application.home}).
  --api PATH       A path below /api/ that needs sign-in (default ${application.api}).
  --requests N     The most requests per load check (default ${DEFAULT_REQUESTS}). A higher
                   number also sends more at a time.
  --instances N    How many instances have to answer. Without it, the command tries to reach 3.
  --resolve ADDR   IP address to connect to, whatever DNS says of the site: before a domain's record
                   is changed, that is the stack's output address.
  --timeout N      Seconds that a request may take (default ${DEFAULT_TIMEOUT}).
  --save FILE      Before a deployment: save the session and what was found.
  --before FILE    After the deployment: check that the session from before still works on every
                   instance, and say what has changed.
  --json           Print one JSON object in place of text (npm run --silent verify -- URL --json).
  -h, --help       This text.

The file of --save holds the session's cookie, because only a session from before can show that it
survives: whoever has the file is signed in. It is written for you alone to read (mode 0600), and
one that others can read is refused. Delete it when you are done.

Exit status: 0 if nothing failed, 1 if something did, 2 if the arguments are invalid.
`;

export interface VerifyDeps extends Pick<Terminal, "print" | "tell"> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Replaces the progress line; without a text, removes it. */
  readonly progress: (text?: string) => void;
  readonly paint: Paint;
  /** Asks for one line without echo; undefined if there is no terminal. Throws InterruptedError. */
  readonly askHidden: ((question: string) => Promise<string>) | undefined;
  readonly fetch: typeof fetch;
  /** `fetch` that takes an IP address for a host's. */
  readonly fetchAt: typeof fetchAt;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** Checks of the application, in addition to those of the platform. */
  readonly applicationChecks: readonly Check[];
}

/** The user pressed Ctrl-C. */
export class InterruptedError extends Error {
  readonly code = "INTERRUPTED";
}

/**
 * Runs `npm run verify` and returns its exit status: 0 nothing failed, 1 something did, 2 invalid
 * arguments.
 */
export function runVerifyCommand(args: readonly string[], deps: VerifyDeps): Promise<0 | 1 | 2> {
  const secrets = new Secrets();
  const show = (text: string) => printable(secrets.hide(text), MAX_SHOWN);
  const { progress, print } = deps;

  async function run(options: Options): Promise<boolean> {
    try {
      return await verify(options, deps, secrets, show);
    } catch (error) {
      progress();
      if (error instanceof InterruptedError) return false;
      if (!options.json || !(error instanceof OperatorError) || error instanceof UsageError) {
        throw error;
      }
      const { code, message } = error;
      print(JSON.stringify({ ok: false, error: { code, message: show(message) } }, null, 2));
      return false;
    }
  }
  const command = createCommand({ name: "verify", help: HELP, parse: parseOptions, run });
  const tell = (text: string) => deps.tell(text.split("\n").map(show).join("\n"));
  return command(args, { print, tell });
}

type Options = Exclude<ReturnType<typeof parseOptions>, "help">;

/** @throws UsageError with all mistakes; it repeats no option's value */
function parseOptions(args: readonly string[]) {
  const commandLine = parseCommandLine(
    args,
    {
      page: "text",
      api: "text",
      requests: "text",
      instances: "text",
      resolve: "text",
      timeout: "text",
      save: "text",
      before: "text",
      json: "flag",
    },
    { positionals: true },
  );
  if (commandLine === "help") return "help";
  const { values, positionals } = commandLine;
  const mistakes: string[] = [];

  function wholeNumber(name: "requests" | "instances" | "timeout", max: number) {
    const text = values[name];
    if (text === undefined) return undefined;
    if (/^[1-9]\d{0,5}$/.test(text) && Number(text) <= max) return Number(text);
    mistakes.push(`--${name} takes a whole number from 1 to ${max}.`);
    return undefined;
  }
  function path(name: "page" | "api", pattern: RegExp, fallback: string): string {
    const text = values[name] ?? fallback;
    if (pattern.test(text)) return text;
    mistakes.push(`--${name} takes a path, such as ${fallback}.`);
    return fallback;
  }
  for (const name of ["save", "before"] as const) {
    if (values[name] === "") mistakes.push(`--${name} takes the name of a file.`);
  }
  const [site = "", ...more] = positionals;
  const options = {
    site: URL.parse(site),
    page: path("page", /^\/[\w./-]*$/, application.home),
    api: path("api", /^\/api\/[\w./-]*$/, application.api),
    requests: wholeNumber("requests", 10_000) ?? DEFAULT_REQUESTS,
    instances: wholeNumber("instances", 1_000),
    resolve: values.resolve,
    timeout: wholeNumber("timeout", 600) ?? DEFAULT_TIMEOUT,
    json: values.json,
    save: values.save,
    before: values.before,
  };
  const { site: url, resolve } = options;
  if (resolve !== undefined && isIP(resolve) === 0) {
    mistakes.push("--resolve takes an IP address, such as 203.0.113.10.");
  } else if (resolve !== undefined && isIP(url?.hostname.replace(/[[\]]/g, "") ?? "") !== 0) {
    mistakes.push("--resolve is for a site with a name, not an address.");
  }
  if (more.length > 0) {
    mistakes.push(
      "Name one site and nothing else. A session is never an argument: set PHOENIX_SESSION, or " +
        "wait to be asked.",
    );
  } else if (url === null || !/^https?:$/.test(url.protocol)) {
    mistakes.push("Name the site as http://localhost:8080 or https://phoenix.example.com.");
  } else if (url.username || url.password || url.search || url.hash) {
    mistakes.push("The URL has more than a host and a path. Leave out user, query and fragment.");
  }
  if (url === null || mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return { ...options, site: new URL(url.origin) };
}

/** Longest line that is shown of a site's answer. */
const MAX_SHOWN = 400;

/** True if nothing failed. */
async function verify(
  options: Options,
  deps: VerifyDeps,
  secrets: Secrets,
  show: (text: string) => string,
): Promise<boolean> {
  const { clock, progress, print, paint } = deps;
  const began = clock();
  const { site, resolve, before, json } = options;
  const snapshot = before === undefined ? undefined : await readSnapshot(before);
  if (snapshot !== undefined) secrets.add(snapshot.cookie.value);
  const fetch = resolve === undefined ? deps.fetch : deps.fetchAt(site.hostname, resolve);
  const client = new Client({ fetch, clock, timeout: options.timeout * 1000, secrets });
  const context = await visitSite(options, snapshot, client, secrets, deps);

  const results: Result[] = [];
  const compared = snapshot === undefined ? [] : comparisons(snapshot, context);
  for (const { id, title, run } of [...FIRST, ...deps.applicationChecks, ...LAST, ...compared]) {
    progress(`checking ${title}`);
    const { lost } = client;
    const verdict = await run(context);
    // A request without an answer shows nothing else.
    const { outcome, seen, findings } =
      verdict.outcome === "failed" && client.lost > lost
        ? failed(verdict.seen, ...REQUESTS_FAILED)
        : verdict;
    results.push({
      ...{ id, title, outcome, seen: show(seen) },
      findings: findings.map(({ cause, remedy }) => ({ cause: show(cause), remedy: show(remedy) })),
    });
  }
  progress();
  if (json) print(JSON.stringify(runToJson(context, results), null, 2));
  else print(describeRun(context, results, (clock() - began) / 1000, paint));
  return (await save(options, context, deps)) && isPassed(results);
}

/** Writes the snapshot that --save asks for. Returns false if there is no session to save. */
async function save(
  { save: file, json }: Options,
  context: CheckContext,
  { tell }: VerifyDeps,
): Promise<boolean> {
  if (file === undefined) return true;
  if (context.session === undefined) {
    tell(
      "Nothing was saved: without a session there is nothing that could survive a deployment. " +
        "Give a session in PHOENIX_SESSION.",
    );
    return false;
  }
  await writeSnapshot(file, takeSnapshot(context, context.session));
  if (!json) {
    const shown = printable(file, MAX_SHOWN);
    tell(
      `Saved. ${shown} holds a session: keep it to yourself, and delete it after the deployment.\n` +
        `Then: npm run verify -- ${context.url.origin} --before ${shown}`,
    );
  }
  return true;
}
