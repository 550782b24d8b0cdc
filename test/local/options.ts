import { parseCommandLine, UsageError } from "../../service/commandLine.ts";

/** What `npm start` is asked to do. */
export interface LocalOptions {
  /** Port of the site; its provider and its Secret Manager take the two after it. 0: any. */
  readonly port: number;
  /** Instances to start; undefined for what suits the declared bounds. */
  readonly instances: number | undefined;
  readonly sessionType: "None" | "filesystem";
  /** Whether a change in service/ is deployed as it happens. */
  readonly watch: boolean;
}

export const USAGE = `Usage: npm start [-- OPTIONS]

Deploys the stack to this machine: the instances that the Pulumi program declares, behind a balancer
that picks one at random for each request, with a sign-in provider and a Secret Manager of their own.

  --port N              port of the site (default 8080); the two ports after it serve the rest
  --instances N         how many instances to start (default 3)
  --session-type TYPE   None: sessions in sealed cookies (default)
                        filesystem: sessions in each instance's own files, the fault to look at
  --no-watch            do not deploy changes of service/ as they happen
  -h, --help            print this

Ctrl-C ends everything.
`;

const DEFAULT_PORT = 8080;
const MAX_PORT = 65_535;
/** Processes that a laptop bears; Cloud Run's own limit is higher. */
const MAX_INSTANCES = 50;

/**
 * @param args - the command line without the program
 * @returns `help` if that is asked for
 * @throws UsageError with every mistake there is
 */
export function parseOptions(args: readonly string[]): LocalOptions | "help" {
  const commandLine = parseCommandLine(args, {
    port: "text",
    instances: "text",
    "session-type": "text",
    watch: "switch",
  });
  if (commandLine === "help") return "help";
  const { values } = commandLine;
  const mistakes: string[] = [];
  const port = wholeNumber(values.port, 0, MAX_PORT - 2);
  if (port === "bad") {
    mistakes.push(
      `--port ${values.port} is no port. Use a number from 0 (any) to ${MAX_PORT - 2}.`,
    );
  }
  const instances = wholeNumber(values.instances, 1, MAX_INSTANCES);
  if (instances === "bad") {
    mistakes.push(
      `--instances ${values.instances} can't be. Use a number from 1 to ${MAX_INSTANCES}.`,
    );
  }
  const sessionType = values["session-type"] ?? "None";
  if (sessionType !== "None" && sessionType !== "filesystem") {
    mistakes.push(`--session-type ${sessionType} is unknown. Use None or filesystem.`);
  }
  if (
    port === "bad" ||
    instances === "bad" ||
    (sessionType !== "None" && sessionType !== "filesystem")
  ) {
    throw new UsageError(mistakes.join("\n"));
  }
  return {
    port: port ?? DEFAULT_PORT,
    instances,
    sessionType,
    watch: values.watch,
  };
}

function wholeNumber(
  text: string | undefined,
  min: number,
  max: number,
): number | undefined | "bad" {
  if (text === undefined) return undefined;
  const value = Number(text);
  return /^\d+$/.test(text) && value >= min && value <= max ? value : "bad";
}
