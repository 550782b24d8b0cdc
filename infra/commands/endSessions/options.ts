import { isEmailAddress } from "../../../service/contract/emailAddress.ts";
import { CLOUD_STORAGE_API } from "../../../service/google/bucket.ts";
import { parseCommandLine, UsageError } from "../commandLine.ts";
import { parseEndpointOption, parseStack } from "../rotate/options.ts";

/** The user whose sessions end, by e-mail address or by the provider's ID; or everyone. */
export type Whose =
  | { readonly user: string }
  | { readonly subject: string }
  | { readonly everyone: true };

export interface EndSessionsOptions {
  readonly stack: string;
  readonly whose: Whose;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly endpoint: string;
}

export const HELP = `Ends sessions: every instance refuses them within 20 seconds. Whoever signs in afterwards stays.

  npm run end-sessions -- --stack STACK --user ADDRESS
  npm run end-sessions -- --stack STACK --subject ID
  npm run end-sessions -- --stack STACK --everyone

Options
  --user ADDRESS  All sessions of this e-mail address.
  --subject ID    All sessions of the provider's user with this ID (user_id in the log).
  --everyone      All sessions.
  --dry-run       Show what would be done, and change nothing.
  --yes           Don't ask first.
  --json          Print one JSON object in place of text (npm run --silent end-sessions -- ... --json).
  --endpoint URL  An emulator of Cloud Storage on this machine.
  -h, --help      This text.

Users can sign in again. To keep somebody out, take them off allowedUsers first.

Exit status: 0 if it was done, 1 if not, 2 if the arguments are invalid.
`;

/**
 * Parses the command's arguments; "help" if help is asked for.
 * @throws UsageError
 */
export function parseEndSessionsOptions(args: readonly string[]): EndSessionsOptions | "help" {
  const commandLine = parseCommandLine(args, {
    stack: "text",
    user: "text",
    subject: "text",
    endpoint: "text",
    everyone: "flag",
    yes: "flag",
    "dry-run": "flag",
    json: "flag",
  });
  if (commandLine === "help") return "help";
  const { stack, user, subject, everyone, endpoint, ...values } = commandLine.values;
  if (stack === undefined) throw new UsageError("Name the stack: --stack STACK, such as prod.");
  const whose: Whose[] = [
    ...(user === undefined ? [] : [{ user }]),
    ...(subject === undefined ? [] : [{ subject }]),
    ...(everyone ? [{ everyone } as const] : []),
  ];
  const [chosen] = whose;
  if (chosen === undefined || whose.length > 1) {
    throw new UsageError(
      "Say whose sessions end: one of --user ADDRESS, --subject ID and --everyone.",
    );
  }
  if (user !== undefined && !isEmailAddress(user)) {
    throw new UsageError("--user takes one e-mail address, such as ada@example.com.");
  }
  if (subject === "") throw new UsageError("--subject takes the provider's ID of a user.");
  return {
    stack: parseStack(stack),
    whose: chosen,
    yes: values.yes,
    dryRun: values["dry-run"],
    json: values.json,
    endpoint: parseEndpointOption(CLOUD_STORAGE_API, endpoint),
  };
}
