import { OperatorError } from "../../../service/contract/errors.ts";
import { addressMark, EVERYBODY, userMark, type Who } from "../../../service/ended/marks.ts";
import { createMarkWriter } from "../../../service/ended/markWriter.ts";
import { parseBucket } from "../../../service/ended/settings.ts";
import { CLOUD_STORAGE_API, createBucket } from "../../../service/google/bucket.ts";
import { createRestClient } from "../../../service/google/restClient.ts";
import { parseObject } from "../../../service/pure/json.ts";
import { confirm, type Terminal } from "../ask.ts";
import { createCommand } from "../commandLine.ts";
import { readOutputs } from "../rotate/stackOutputs.ts";
import type { RunProgram } from "../runProgram.ts";
import { type EndSessionsOptions, HELP, parseEndSessionsOptions, type Whose } from "./options.ts";

/** What the command uses of the outside world. */
interface CommandDeps extends Terminal {
  readonly run: RunProgram;
  /** Unix time in seconds; may be wrong. */
  readonly clock: () => number;
  readonly fetch?: typeof fetch;
}

/** Seconds that one upload may take. */
const TIMEOUT = 30;

/** Seconds within which every instance refuses an ended session. */
const KNOWN_WITHIN = 20;

/**
 * Runs `npm run end-sessions` and returns its exit status: 0 done, 1 not done, 2 invalid
 * arguments.
 */
export const runEndSessionsCommand = createCommand({
  name: "end-sessions",
  help: HELP,
  parse: parseEndSessionsOptions,
  run: endSessions,
});

async function endSessions(options: EndSessionsOptions, deps: CommandDeps): Promise<boolean> {
  const { stack, whose, dryRun, json, yes, endpoint } = options;
  const { print, tell, ask, clock } = deps;
  const outputs = parseObject(await readOutputs(stack, deps.run)) ?? {};
  const bucket = parseBucket(String(outputs.endedSessions));
  if (bucket === undefined) {
    throw new OperatorError(
      "STACK_WITHOUT_ENDED",
      `Stack ${stack} has no output endedSessions. Deploy it first: npx pulumi up --stack ${stack}.`,
    );
  }
  const who = markOf(whose, outputs.oidcIssuer, stack);
  const described = `${describe(whose)} of stack ${stack}`;
  const say = json ? () => undefined : print;
  const plan = `Ends ${described}, up to now.`;
  say(plan);

  const summary = json ? plan : undefined;
  if (dryRun || !(await confirm({ yes, ask, tell, summary }))) {
    report({ outcome: dryRun ? "planned" : "declined" });
    return dryRun;
  }
  const api = CLOUD_STORAGE_API;
  const client = createRestClient({ ...deps, api, endpoint, timeout: TIMEOUT });
  const writer = createMarkWriter({ bucket: createBucket(client, bucket), clock });
  const endedAt = await writer.endPeople(who);
  const time = new Date(endedAt * 1000).toISOString();
  report({ outcome: "done", endedAt: time });
  say(
    `Ended: ${described} that began by ${time}. Every instance refuses them within ${KNOWN_WITHIN} s.`,
  );
  return true;

  function report(outcome: object): void {
    if (json) print(JSON.stringify({ stack, ...whose, ...outcome }, null, 2));
  }
}

/** @throws OperatorError if a subject is given and the stack has no provider */
function markOf(whose: Whose, issuer: unknown, stack: string): Who {
  if ("everyone" in whose) return EVERYBODY;
  if ("user" in whose) return addressMark(whose.user);
  if (typeof issuer === "string" && issuer !== "") return userMark(issuer, whose.subject);
  throw new OperatorError(
    "STACK_WITHOUT_ENDED",
    `Stack ${stack} has no output oidcIssuer, whose ID of a user --subject takes. Set up sign-in and deploy the stack first: npx pulumi up --stack ${stack}.`,
  );
}

function describe(whose: Whose): string {
  if ("everyone" in whose) return "all sessions";
  return "user" in whose
    ? `all sessions of ${whose.user}`
    : `all sessions of user ${whose.subject}`;
}
