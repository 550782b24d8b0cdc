import { isIP } from "node:net";
import { application } from "../../../service/application.ts";
import { OperatorError } from "../../../service/contract/errors.ts";
import { printable } from "../../../service/pure/printable.ts";
import { sessionCookie } from "../../../service/session/cookie.ts";
import { parseCommandLine, UsageError } from "../commandLine.ts";
import {
  COMPARISONS,
  COOKIE_VALUE,
  readSnapshot,
  revisit,
  type Snapshot,
  takeSnapshot,
  writeSnapshot,
} from "./before.ts";
import {
  type Check,
  type CheckContext,
  deployed,
  type HeldCookie,
  Session,
  type Verdict,
} from "./check.ts";
import { FIRST, LAST } from "./checks.ts";
import { type Answer, Client, isCredential, Secrets } from "./client.ts";
import { describeRun, isPassed, type Paint, type Result, runToJson } from "./report.ts";
import type { fetchAt } from "./resolve.ts";
import { credentialOf, isLoopback, type SignIn, signIn } from "./signIn.ts";
import { SiteError } from "./siteError.ts";

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

export interface VerifyDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints results. */
  readonly print: (text: string) => void;
  /** Prints to standard error. */
  readonly tell: (text: string) => void;
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
export async function runVerifyCommand(
  args: readonly string[],
  deps: VerifyDeps,
): Promise<0 | 1 | 2> {
  const secrets = new Secrets();
  let json = false;
  try {
    const options = parseOptions(args);
    if (options === "help") {
      deps.print(HELP);
      return 0;
    }
    json = options.json;
    return (await verify(options, deps, secrets)) ? 0 : 1;
  } catch (error) {
    deps.progress();
    if (error instanceof InterruptedError) return 1;
    if (!(error instanceof OperatorError)) throw error;
    const lines = secrets.hide(error.message).split("\n");
    const message = lines.map((line) => printable(line, MAX_SHOWN)).join("\n");
    if (json) {
      deps.print(JSON.stringify({ ok: false, error: { code: error.code, message } }, null, 2));
    } else {
      deps.tell(message);
    }
    if (!(error instanceof UsageError)) return 1;
    if (!json) deps.tell("See npm run verify -- --help.");
    return 2;
  }
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
async function verify(options: Options, deps: VerifyDeps, secrets: Secrets): Promise<boolean> {
  const { applicationChecks, clock, progress, print, paint } = deps;
  const began = clock();
  const snapshot = options.before === undefined ? undefined : await readSnapshot(options.before);
  if (snapshot !== undefined) secrets.add(snapshot.cookie.value);
  const timeout = options.timeout * 1000;
  const { site, resolve } = options;
  const fetch = resolve === undefined ? deps.fetch : deps.fetchAt(site.hostname, resolve);
  const client = new Client({ fetch, clock, timeout, secrets });
  const context = await begin(options, snapshot, client, deps, secrets);

  const results: Result[] = [];
  const add = (check: { readonly id: string; readonly title: string }, verdict: Verdict) => {
    const show = (text: string) => printable(secrets.hide(text), MAX_SHOWN);
    const findings = verdict.findings.map(({ cause, remedy }) => ({
      cause: show(cause),
      remedy: show(remedy),
    }));
    const { outcome, seen } = verdict;
    results.push({ id: check.id, title: check.title, outcome, seen: show(seen), findings });
  };
  for (const check of [...FIRST, ...applicationChecks, ...LAST]) {
    progress(`checking ${check.title}`);
    add(check, await check.run(context));
  }
  if (snapshot !== undefined) {
    progress("trying the session from before");
    const before = await revisit(snapshot, context);
    for (const comparison of COMPARISONS) add(comparison, comparison.run(before));
  }
  progress();
  if (options.json) print(JSON.stringify(runToJson(context, results), null, 2));
  else print(describeRun(context, results, (clock() - began) / 1000, paint));
  return (await save(options, context, deps)) && isPassed(results);
}

/** Asks the site without a session, then obtains a session. */
async function begin(
  options: Options,
  snapshot: Snapshot | undefined,
  client: Client,
  { env, progress, random, askHidden }: VerifyDeps,
  secrets: Secrets,
): Promise<CheckContext> {
  progress(`looking for the service at ${options.site.host}`);
  const { url, live } = await openSite(client, options.site);
  const https = url.protocol === "https:";
  if (snapshot !== undefined && snapshot.site !== url.origin) {
    throw new UsageError(
      `The file of --before was saved for ${snapshot.site}, not for ${url.origin}. Its session is ` +
        "sent to no other site.",
    );
  }
  const given = env.PHOENIX_SESSION ? parseSession(env.PHOENIX_SESSION, https) : undefined;
  const { page, api, requests, instances } = options;
  const at = (path: string, accept = "text/html") =>
    client.ask(new URL(path, url), { headers: { accept } });
  const home = await at("/");
  const signedOut = { page: await at(page), api: await at(api, "application/json") };
  progress("signing in");
  const way = await signIn(client, url, given === undefined);
  const dependent = new Map<string, Answer>([
    [`GET ${api} (401)`, signedOut.api],
    [`GET ${page} (to sign-in)`, signedOut.page],
    ["GET /login", way.login],
  ]);
  if (way.signIn.outcome === "signed_in") {
    dependent.set("GET /login/callback", way.signIn.callback);
  }
  const loopback = isLoopback(url);
  const context = {
    ...{ client, url, https, loopback, page, api, requests, instances, random, progress },
    ...{ live, home, signedOut, ...way, dependent },
  };
  const held = await obtainSession();
  if (!(held instanceof Session)) return { ...context, session: undefined, noSession: held };
  secrets.add(held.cookie.value);
  return { ...context, session: held, noSession: "" };

  /**
   * A session from, in this order: PHOENIX_SESSION, a sign-in here, the snapshot, the prompt. A
   * string says why there is none.
   */
  async function obtainSession(): Promise<Session | string> {
    if (given !== undefined) return offered("pasted", given);
    if (way.signIn.outcome === "signed_in") return madeBy(way.signIn);
    if (way.signIn.outcome === "refused") return "there is no session: nobody can sign in";
    if (snapshot !== undefined) return offered("saved", snapshot.cookie);
    progress();
    const text = (await askHidden?.(question(https)))?.trim();
    return text
      ? offered("pasted", parseSession(text, https))
      : "it needs a session, and none was given";
  }

  function madeBy({ callback }: Extract<SignIn, { outcome: "signed_in" }>): Session | string {
    const cookie = credentialOf(callback);
    return cookie === undefined
      ? "the sign-in set no cookie"
      : new Session("made", cookie, context, callback);
  }

  /** Refuses http except on this machine, because anybody on the way could read the session. */
  function offered(source: "pasted" | "saved", cookie: HeldCookie): Session | string {
    if (!https && !loopback) return "a session is not sent over http";
    return new Session(source, cookie, context);
  }
}

function question(https: boolean): string {
  const { name } = sessionCookie(https);
  return `Paste the value of the cookie ${name} (nothing is shown), or press Enter to do without: `;
}

/**
 * Parses a session that the user gave: the cookie's value, or `name=value` as developer tools copy
 * it.
 * @throws UsageError, which does not repeat it
 */
function parseSession(text: string, https: boolean): HeldCookie {
  const [, named = "", rest = ""] = /^([\w-]+)=(.*)$/s.exec(text.trim()) ?? [];
  const cookie = isCredential(named)
    ? { name: named, value: rest.trim() }
    : { name: sessionCookie(https).name, value: text.trim() };
  if (COOKIE_VALUE.test(cookie.value)) return cookie;
  throw new UsageError(
    "What was given as the session is no cookie's value. Copy the value of the cookie alone, all of it.",
  );
}

/**
 * Checks that this service answers at a URL. Follows a redirect to https on the same host.
 * @throws SiteError if it can't be reached, or something else answers
 */
async function openSite(
  client: Client,
  url: URL,
): Promise<{ readonly url: URL; readonly live: Answer }> {
  const live = await client.ask(new URL("/health/live", url));
  const { instance, location } = live;
  if (instance === undefined && location !== undefined) {
    const upgraded = url.protocol === "http:" && location.protocol === "https:";
    if (upgraded && location.hostname === url.hostname) {
      return openSite(client, new URL(location.origin));
    }
    throw new SiteError(
      "NOT_THIS_SERVICE",
      `${url.host} sends everyone to ${location.host}: if that is the site, give its address.`,
    );
  }
  if (instance === undefined && live.json.status !== "live") {
    throw strangeAnswer(url, live.status);
  }
  return { url, live };
}

/** The error for a URL at which something other than the service answers. */
function strangeAnswer({ host }: URL, status: number): SiteError {
  if (status >= 500) {
    return new SiteError(
      "NO_INSTANCE",
      `${host} answers ${status} and no instance of the service is behind it: its log says why ` +
        "none starts, most often a SECRET_KEY that is missing or shorter than 32 characters.",
    );
  }
  if (status === 403) {
    return new SiteError(
      "NOT_PUBLIC",
      `${host} answers 403 before the service is asked: it is not open to the public. To let ` +
        `everyone in: ${deployed("publicAccess", "invokerIamDisabled")}; where a policy of the ` +
        "organization forbids that, with allUsers in its place.",
    );
  }
  return new SiteError(
    "NOT_THIS_SERVICE",
    `What answers at ${host} is not this service: GET /health/live gave ${status} and no ` +
      "X-Instance. Check the URL.",
  );
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
