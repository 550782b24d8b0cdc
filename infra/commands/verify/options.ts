import { parseCommandLine, UsageError } from "../commandLine.ts";

/** What `npm run verify` is asked to do. */
export interface VerifyOptions {
  /** Scheme, host and port of the site. */
  readonly site: URL;
  /** The most requests for clips. */
  readonly requests: number;
  /** Instances that have to answer; undefined if nobody said how many. */
  readonly instances: number | undefined;
  /** Seconds that one request may take. */
  readonly timeout: number;
  readonly json: boolean;
  /** File to write what was found to. */
  readonly save: string | undefined;
  /** File with what an earlier run found. */
  readonly before: string | undefined;
}

const DEFAULT_REQUESTS = 200;
const DEFAULT_TIMEOUT = 10;

export const HELP = `Checks a running site: that sessions hold on every instance, and what protects them.

  npm run verify -- URL

At a site on this machine (npm start) it signs in by itself. Elsewhere it uses a session of yours:
sign in with a browser, open its developer tools, and copy the value of the cookie __Host-session.
The command asks for it and shows nothing of it, or takes it from the environment variable
PHOENIX_SESSION. Without one, it does the checks that need no session. You stay signed in, and your
reel stays as it is.

Options
  --requests N     The most requests for clips (default ${DEFAULT_REQUESTS}). More of them run more at a time.
  --instances N    How many instances have to answer; left out, it tries for 3.
  --timeout N      Seconds that a request may take (default ${DEFAULT_TIMEOUT}).
  --save FILE      Before a deployment: write down what was found.
  --before FILE    After the deployment: check that the session from before still works on every
                   instance, and say what has changed.
  --json           Print one JSON object in place of text (npm run --silent verify -- URL --json).
  -h, --help       This text.

The file of --save holds the session's cookie, because only a session from before can show that it
survives: whoever has the file is signed in. It is written for you alone to read (mode 0600), and
one that others can read is refused. Delete it when you are done.

Ends with 0 if nothing failed, 1 if something did, 2 if it was called in a wrong way.
`;

/**
 * Parses the command's arguments; `help` if that is all that is asked for.
 * @throws UsageError with every mistake there is
 */
export function parseVerifyOptions(args: readonly string[]): VerifyOptions | "help" {
  const commandLine = parseCommandLine(
    args,
    {
      requests: "text",
      instances: "text",
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
  function take<Value>(value: Value | Mistake): Value {
    if (value instanceof Mistake) mistakes.push(value.text);
    return value as Value; // never seen if it is a mistake: they are thrown before
  }
  const options: VerifyOptions = {
    site: take(parseSite(positionals)),
    requests: take(wholeNumber("requests", values.requests, 10_000)) ?? DEFAULT_REQUESTS,
    instances: take(wholeNumber("instances", values.instances, 1_000)),
    timeout: take(wholeNumber("timeout", values.timeout, 600)) ?? DEFAULT_TIMEOUT,
    json: values.json,
    save: take(fileName("save", values.save)),
    before: take(fileName("before", values.before)),
  };
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return options;
}

class Mistake {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Errors never repeat what was given: it could hold a password or a token. */
function parseSite([text, ...more]: readonly string[]): URL | Mistake {
  if (text === undefined) {
    return new Mistake("Name the site, such as http://localhost:8080.");
  }
  if (more.length > 0) {
    return new Mistake(
      "Name one site and nothing else. A session is never an argument: set PHOENIX_SESSION, " +
        "or wait to be asked.",
    );
  }
  const url = URL.parse(text);
  // `localhost:8080` is a URL, too: of the scheme localhost.
  if (url === null || url.host === "") {
    return new Mistake("The site is not a URL. Write it as https://phoenix.example.com.");
  }
  if (!/^https?:$/.test(url.protocol)) {
    return new Mistake(
      "The site is asked over http or https only. Write it as https://phoenix.example.com.",
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    return new Mistake(
      "The URL has more than a host and a path. Leave out user, query and fragment.",
    );
  }
  return new URL(url.origin);
}

function wholeNumber(
  name: string,
  text: string | undefined,
  max: number,
): number | undefined | Mistake {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  return new Mistake(`--${name} takes a whole number from 1 to ${max}.`);
}

function fileName(name: string, text: string | undefined): string | undefined | Mistake {
  return text === "" ? new Mistake(`--${name} takes the name of a file.`) : text;
}
