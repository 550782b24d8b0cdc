import { parseCommandLine, UsageError } from "../commandLine.ts";
import { APPROVED_STACK } from "./goal.ts";

export interface BootstrapOptions {
  /** Name of the stack. */
  readonly environment: string;
  readonly project: string;
  /** Undefined for the one in the stack's file. */
  readonly region: string | undefined;
  readonly billingAccount: string | undefined;
  readonly github: string | undefined;
  readonly approvers: readonly string[];
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export const HELP = `Sets up what a stack needs before its first deployment: the project, a bucket and a key for
Pulumi's state, the stack, and with --github the delivery from there. Shows the changes and asks
first. A second run makes only the changes that are missing.

  npm run bootstrap -- dev --project acme-phoenix-dev

Options
  --project ID          Google Cloud project; it is created if it doesn't exist.
  --region REGION       Region of the state's bucket and key, and of the stack. Without it, the one
                        in the stack's file.
  --billing-account ID  Billing account of the project. Without it, the project keeps its own.
  --github OWNER/NAME   Let this repository's workflows preview and deploy the stack.
  --approvers LIST      Who may approve deployments to prod: logins and ORG/TEAM, separated by commas.
  --dry-run             Print the commands, and change nothing.
  --yes                 Don't ask first.
  --json                Print one JSON object in place of text (npm run --silent bootstrap -- ... --json).
  -h, --help            This text.

It needs gcloud, logged in twice: gcloud auth login, gcloud auth application-default login. The role
Owner in the project is enough. --github needs gh, logged in as an admin of the repository.

Exit status: 0 if the setup is complete, 1 if not, 2 if the arguments are invalid.
`;

/** The pattern of each option's value, and the error message for any other. */
const FORMS = {
  project: [
    /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/,
    "--project takes the ID of a project: 6 to 30 lower-case letters, digits and -.",
  ],
  region: [/^[a-z]+-[a-z]+\d{1,2}$/, "--region takes a region such as europe-west1."],
  "billing-account": [
    /^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$/,
    "--billing-account takes an ID such as 012345-6789AB-CDEF01; see gcloud billing accounts list.",
  ],
  // GitHub's commands would take `.` and `..` for parts of a path.
  github: [
    /^\w[\w-]{0,38}\/(?!\.{1,2}$|.*\.git$)[\w.-]{1,100}$/i,
    "--github takes a repository as OWNER/NAME.",
  ],
  approvers: [
    /^\w[\w-]*(\/\w[\w-]*)?(,\w[\w-]*(\/\w[\w-]*)?)*$/,
    "--approvers takes logins and ORG/TEAM, separated by commas.",
  ],
} as const;

/**
 * Parses the command's arguments; "help" if help is asked for.
 * @throws UsageError with all mistakes
 */
export function parseBootstrapOptions(args: readonly string[]): BootstrapOptions | "help" {
  const commandLine = parseCommandLine(
    args,
    {
      project: "text",
      region: "text",
      "billing-account": "text",
      github: "text",
      approvers: "text",
      yes: "flag",
      "dry-run": "flag",
      json: "flag",
    },
    { positionals: true },
  );
  if (commandLine === "help") return "help";
  const { values, positionals } = commandLine;
  const [environment = ""] = positionals;
  const mistakes: string[] = [];
  if (positionals.length !== 1) {
    mistakes.push("Name one stack, such as dev: npm run bootstrap -- dev --project ID.");
  }
  if (values.project === undefined) mistakes.push("--project is missing.");
  for (const name of Object.keys(FORMS) as (keyof typeof FORMS)[]) {
    const [form, mistake] = FORMS[name];
    const value = values[name];
    if (value !== undefined && !form.test(value)) mistakes.push(mistake);
  }
  const delivered = values.github !== undefined && environment === APPROVED_STACK;
  if (values.approvers !== undefined && !delivered) {
    mistakes.push(`--approvers is for ${APPROVED_STACK} with --github.`);
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return {
    environment,
    project: values.project ?? "",
    region: values.region,
    billingAccount: values["billing-account"],
    github: values.github,
    approvers: values.approvers?.split(",") ?? [],
    yes: values.yes,
    dryRun: values["dry-run"],
    json: values.json,
  };
}
