import { buildArchive } from "../../infra/bundle/archive.ts";
import { parseCommandLine, UsageError } from "../../infra/commands/commandLine.ts";
import { evaluateStack } from "./declaredStack.ts";

const USAGE = `Usage: npm run measure

Measures how long the Pulumi program takes from the start of its process to the registration of its
last resource, including the bundle, and its peak memory. Pulumi's mock monitor responds to all
registrations at once, so Google's time is not included.

  -h, --help   print this
`;

/** `npm run measure`. Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    if (parseCommandLine(args, {}) === "help") process.stdout.write(USAGE);
    else await measure();
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\nSee npm run measure -- --help.\n`);
    return 2;
  }
}

async function measure(): Promise<void> {
  const { resources } = await evaluateStack(
    "prod",
    {
      "gcp:project": "acme-phoenix",
      allowedUsers: "@acme.example",
      alertEmails: "oncall@acme.example",
      oidcIssuer: "https://accounts.google.com",
      oidcClientId: "client-id",
      oidcClientSecret: "client-secret",
    },
    { buildArchive },
  );
  const seconds = (performance.now() / 1000).toFixed(2);
  const mebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(
    `${resources.length} resources in ${seconds} s with ${mebibytes} MiB at most\n`,
  );
}

process.exitCode = await main(process.argv.slice(2));
