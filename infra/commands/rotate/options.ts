import { endpointOf } from "../../../service/google/endpoint.ts";
import type { GoogleApi } from "../../../service/google/googleApiError.ts";
import {
  parseSecretReference,
  SECRET_MANAGER_API,
  type SecretReference,
} from "../../../service/google/secretVersions.ts";
import { parseCommandLine, UsageError } from "../commandLine.ts";

export interface RotateOptions {
  /** A secret by its name, or the secret of a stack. */
  readonly target: { readonly secret: SecretReference } | { readonly stack: string };
  readonly compromised: boolean;
  /** Adds a version even if the newest one doesn't sign yet. */
  readonly again: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly endpoint: string;
}

export const HELP = `Rotates SECRET_KEY: adds a version, which signs sessions once every instance knows it, and
destroys versions that no session needs any more. Nobody is signed out.

  npm run rotate -- --stack STACK            the secret of a Pulumi stack, such as dev
  npm run rotate -- --secret projects/PROJECT/secrets/SECRET

Options
  --compromised   A key has leaked: add a version and disable all others. Everyone signs in again.
  --again         Add a version even if the newest one does not sign yet.
  --dry-run       Show the versions and the steps, and change nothing.
  --yes           Don't ask before the steps are done.
  --json          Print one JSON object in place of text (npm run --silent rotate -- ... --json).
  --endpoint URL  An emulator of Secret Manager on this machine.
  -h, --help      This text.

With --secret, set the environment variables KEY_ACTIVATION_DELAY, KEY_REFRESH_INTERVAL and
PERMANENT_SESSION_LIFETIME as the service has them; with --stack they are read from the stack.
Without the lifetime, no version is destroyed that a session of 400 days could need.

Exit status: 0 if all was done, 1 if not, 2 if the arguments are invalid.
`;

/**
 * Parses the command's arguments; "help" if help is asked for.
 * @throws UsageError
 */
export function parseRotateOptions(args: readonly string[]): RotateOptions | "help" {
  const commandLine = parseCommandLine(args, {
    stack: "text",
    secret: "text",
    endpoint: "text",
    compromised: "flag",
    again: "flag",
    yes: "flag",
    "dry-run": "flag",
    json: "flag",
  });
  if (commandLine === "help") return "help";
  const { values } = commandLine;
  const { stack, secret } = values;
  if ((stack === undefined) === (secret === undefined)) {
    throw new UsageError("Name the secret: either --stack STACK or --secret projects/P/secrets/S.");
  }
  return {
    target:
      stack === undefined ? { secret: parseSecret(secret ?? "") } : { stack: parseStack(stack) },
    compromised: values.compromised,
    again: values.again,
    yes: values.yes,
    dryRun: values["dry-run"],
    json: values.json,
    endpoint: parseEndpointOption(SECRET_MANAGER_API, values.endpoint),
  };
}

function parseSecret(text: string): SecretReference {
  const secret = parseSecretReference(text);
  if (secret !== undefined) return secret;
  const [, project = "", name = ""] =
    /^(?:sm:\/\/|projects\/)([^/]+)\/(?:secrets\/)?([^/]+)$/.exec(text) ?? [];
  if (project === "") {
    throw new UsageError("--secret is written as projects/PROJECT/secrets/SECRET.");
  }
  const projectFits = parseSecretReference(`sm://${project}/any`) !== undefined;
  throw new UsageError(
    projectFits
      ? `--secret: ${JSON.stringify(name)} can't be a secret's name. ` +
          "Names have letters, digits, - and _; see gcloud secrets list."
      : `--secret: ${JSON.stringify(project)} can't be a project's ID. ` +
          "IDs have 6 to 30 lower-case letters, digits and -; see gcloud projects list.",
  );
}

/**
 * A stack's name as Pulumi takes it: STACK, PROJECT/STACK or ORGANIZATION/PROJECT/STACK. Never
 * begins with a dash, so that npx pulumi can't take it for an option.
 *
 * @throws UsageError
 */
export function parseStack(text: string): string {
  if (/^[\w.][\w.-]*(\/[\w.][\w.-]*){0,2}$/.test(text)) return text;
  throw new UsageError("--stack takes the name of a Pulumi stack, such as dev.");
}

/**
 * The API's base URL, with `--endpoint` or without.
 * @throws UsageError
 */
export function parseEndpointOption(api: GoogleApi, text: string | undefined): string {
  const endpoint = endpointOf(api, text);
  if (endpoint !== undefined) return endpoint;
  throw new UsageError(
    "--endpoint takes only http on this machine, such as http://127.0.0.1:8085.",
  );
}
