import { parseCommandLine, UsageError } from "../../infra/commands/commandLine.ts";
import { PROVIDER_NAMES, type ProviderName } from "./identity/behaviors.ts";
import { KEYS, regionKeys } from "./keyboard.ts";
import { LOCAL_REGIONS } from "./regions.ts";

const SESSION_TYPES = ["None", "filesystem"] as const;

/** Options of `npm start`. */
export interface LocalOptions {
  /** Port of the site; its provider and its Secret Manager use the next two. 0: any free ones. */
  readonly port: number;
  /** Instances to start in each region; undefined: three, within the declared bounds. */
  readonly instances: number | undefined;
  /** How many regions to run. */
  readonly regions: number;
  readonly sessionType: (typeof SESSION_TYPES)[number];
  /** Provider whose behavior the local one imitates. */
  readonly provider: ProviderName;
  /** Whether changes in service/ are deployed at once. */
  readonly watch: boolean;
}

export const USAGE = `Usage: npm start [-- OPTIONS]

Deploys the stack to this machine: the instances that the Pulumi program declares, behind a balancer
that picks one at random for each request, with a sign-in provider and a Secret Manager of their own.

  --port N              port of the site (default 8080); the sign-in provider and Secret Manager use
                        the next two; 0: any free ports
  --instances N         how many instances to start in each region (default 3)
  --regions N           how many regions to run, up to ${LOCAL_REGIONS.length} (default 1), behind a load balancer that
                        prefers the first one, and fails over to the next one
  --session-type TYPE   None: sessions in sealed cookies (default)
                        filesystem: sessions in each instance's own files, which demonstrates the
                        fault that sealed cookies fix
  --provider NAME       entra, cognito, okta or keycloak: the sign-in provider behaves like that one;
                        entra, for example, does not say whether an e-mail address is verified
  --no-watch            don't deploy changes in service/ when files are saved
  -h, --help            print this

${KEYS}
With --regions 2, also: ${regionKeys(LOCAL_REGIONS.slice(0, 2).map((name) => ({ name })))}
Ctrl-C ends everything.
`;

/** The next two ports are used too. */
const MAX_PORT = 65_533;
/** As many processes as a laptop can run. Cloud Run's limit is higher. */
const MAX_INSTANCES = 50;

/**
 * @param args - the command line without the program
 * @returns `help` for --help
 * @throws UsageError with all mistakes
 */
export function parseOptions(args: readonly string[]): LocalOptions | "help" {
  const commandLine = parseCommandLine(args, {
    port: "text",
    instances: "text",
    regions: "text",
    "session-type": "text",
    provider: "text",
    watch: "switch",
  });
  if (commandLine === "help") return "help";
  const { port = "8080", instances, regions = "1", watch } = commandLine.values;
  const { "session-type": type = "None", provider: name = "plain" } = commandLine.values;
  const sessionType = SESSION_TYPES.find((known) => known === type);
  const provider = (["plain", ...PROVIDER_NAMES] as const).find((known) => known === name);
  const mistakes: string[] = [];
  if (!isWholeNumber(port, 0, MAX_PORT)) {
    mistakes.push(`--port takes a whole number from 0 to ${MAX_PORT}.`);
  }
  if (instances !== undefined && !isWholeNumber(instances, 1, MAX_INSTANCES)) {
    mistakes.push(`--instances takes a whole number from 1 to ${MAX_INSTANCES}.`);
  }
  if (!isWholeNumber(regions, 1, LOCAL_REGIONS.length)) {
    mistakes.push(`--regions takes a whole number from 1 to ${LOCAL_REGIONS.length}.`);
  }
  if (sessionType === undefined) {
    mistakes.push(`--session-type takes ${SESSION_TYPES.join(" or ")}.`);
  }
  if (provider === undefined) mistakes.push(`--provider takes ${PROVIDER_NAMES.join(", ")}.`);
  if (sessionType === undefined || provider === undefined || mistakes.length > 0) {
    throw new UsageError(mistakes.join("\n"));
  }
  return {
    port: Number(port),
    instances: instances === undefined ? undefined : Number(instances),
    regions: Number(regions),
    sessionType,
    provider,
    watch,
  };
}

function isWholeNumber(text: string, min: number, max: number): boolean {
  return /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max;
}
