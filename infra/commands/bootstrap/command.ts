import { OperatorError } from "../../../service/contract/errors.ts";
import type { Environment } from "../../../service/contract/settings.ts";
import { findNameProblems, LOCAL_STACK } from "../../config/placement.ts";
import { confirm, type Terminal } from "../ask.ts";
import { createCommand, UsageError } from "../commandLine.ts";
import type { RunProgram } from "../runProgram.ts";
import type { Found } from "./found.ts";
import type { Goal } from "./goal.ts";
import { type Command, type Item, PROJECT_NUMBER } from "./item.ts";
import { type BootstrapOptions, HELP, parseBootstrapOptions } from "./options.ts";
import { missingPermissions } from "./permissions.ts";
import { planBootstrap } from "./plan.ts";
import { findProblems } from "./problems.ts";
import { CommandError } from "./query.ts";
import { readFound } from "./read.ts";
import { readProductName, readStackFile } from "./readMachine.ts";
import {
  describeCommands,
  describeNext,
  describePlan,
  type Outcome,
  pending,
  toJson,
} from "./report.ts";

/** What the command uses of the outside world. */
interface CommandDeps extends Terminal {
  readonly env: Environment;
  readonly run: RunProgram;
  /** The file's text; undefined if there is none. */
  readonly readFile: (path: string) => string | undefined;
  /** Resolves after that many seconds. */
  readonly wait: (seconds: number) => Promise<void>;
  readonly fetch: typeof fetch;
}

/**
 * Errors of commands that use a new API, account or key, which Google propagates with a delay:
 * https://cloud.google.com/iam/docs/access-change-propagation
 */
const NOT_YET = /SERVICE_DISABLED|has not been used in project|NOT_FOUND|does not exist|not found/i;
/** Retries of such a command, and the seconds before each: two minutes in all. */
const RETRIES = { attempts: 24, interval: 5 };

const EXISTS = /already exists|ALREADY_EXISTS/i;

/**
 * Runs `npm run bootstrap` and returns its exit status: 0 done, 1 not done, 2 invalid arguments.
 */
export const runBootstrapCommand = createCommand({
  name: "bootstrap",
  help: HELP,
  parse: parseBootstrapOptions,
  run: bootstrap,
});

async function bootstrap(options: BootstrapOptions, deps: CommandDeps): Promise<boolean> {
  const { print, tell, ask } = deps;
  const { dryRun, json, yes } = options;
  const goal = readGoal(options, deps);
  tell("Reading the current state; this takes half a minute.");
  const found = await readFound(goal, options.approvers, deps);
  const problems = findProblems(goal, found);
  if (problems.length > 0) throw new OperatorError("BOOTSTRAP_REFUSED", problems.join("\n"));

  const items = planBootstrap(goal, found);
  const say = json ? () => undefined : print;
  if (dryRun && !json) {
    tell(describePlan(goal, found, items));
    print(describeCommands(goal, items));
    return true;
  }
  say(describePlan(goal, found, items));
  if (!dryRun && pending(items).length > 0) {
    await checkPermissions(goal, found, items, deps);
    // With --json, the plan was not shown yet.
    const summary = json ? describePlan(goal, found, items) : undefined;
    if (!(await confirm({ yes, ask, tell, summary }))) return false;
  }
  const outcomes = dryRun ? [] : await perform();
  if (json) print(toJson(goal, found, items, outcomes));
  const done = !outcomes.includes("failed");
  if (done) say(describeNext(goal, found));
  return done;

  /** Runs the items' commands, up to the first failure. */
  async function perform(): Promise<readonly Outcome[]> {
    const runner = createRunner(goal, deps);
    const count = pending(items).length;
    const outcomes: Outcome[] = [];
    let at = 0;
    for (const { what, outcome, commands } of items) {
      if (outcome === "found" || outcomes.includes("failed")) {
        outcomes.push(outcome === "found" ? "found" : "skipped");
        continue;
      }
      at += 1;
      const result = outcome === "create" ? "created" : "changed";
      try {
        for (const command of commands) await runner(command);
        outcomes.push(result);
        say(`[${at}/${count}] ${result.padEnd(7)}  ${what}`);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        outcomes.push("failed");
        tell(`[${at}/${count}] failed   ${what}\n\n${error.message}\n`);
        tell("The steps before it are done. Run the same command again to go on from here.");
      }
    }
    return outcomes;
  }
}

/** @throws UsageError if the stack's name is invalid, or its region is unknown */
function readGoal(options: BootstrapOptions, deps: CommandDeps): Goal {
  const { environment } = options;
  const product = readProductName(deps);
  const problems = findNameProblems({ product, environment });
  if (environment === LOCAL_STACK || problems.length > 0) {
    const causes = problems.map(({ setting, cause }) => `${setting} ${cause}.`);
    throw new UsageError(["Name a stack such as dev.", ...causes].join("\n"));
  }
  const region = options.region ?? readStackFile(environment, deps).region;
  if (region !== undefined) return { ...options, product, region };
  throw new UsageError(
    `Pulumi.${environment}.yaml names no gcp:region. Add --region, such as europe-west1.`,
  );
}

/** @throws OperatorError if the operator lacks a permission in an existing project */
async function checkPermissions(
  { project }: Goal,
  { operator, project: exists }: Found,
  items: readonly Item[],
  { run, fetch, tell }: CommandDeps,
): Promise<void> {
  // Whoever creates a project is its owner.
  if (exists === undefined) return;
  const { stdout } = await run("gcloud", ["auth", "print-access-token"]);
  const missing = await missingPermissions({
    project,
    permissions: [...new Set(pending(items).flatMap(({ permission }) => permission ?? []))],
    accessToken: stdout.trim(),
    fetch,
  });
  if (missing === undefined) {
    tell("Your permissions in the project can't be read, so a step may be refused.");
  } else if (missing.length > 0) {
    throw new OperatorError(
      "PERMISSION_MISSING",
      `${operator} lacks ${missing.join(", ")} in project ${project}. Ask an owner of the project for the role Owner, or for roles with these.`,
    );
  }
}

/** Runs commands, and retries errors that come from delayed propagation. */
function createRunner({ project }: Goal, { run, wait, tell }: CommandDeps) {
  let number: string | undefined;
  let changed = false;

  async function projectNumber(): Promise<string> {
    const args = ["projects", "describe", project, "--format", "value(projectNumber)"];
    return (await once({ program: "gcloud", args })).trim();
  }

  async function once(command: Command): Promise<string> {
    const ended = await run(command.program, command.args, { CLOUDSDK_CORE_DISABLE_PROMPTS: "1" });
    if (ended.status === 0 || (command.mayExist && EXISTS.test(ended.stderr))) return ended.stdout;
    throw new CommandError(command, ended);
  }

  return async (planned: Command): Promise<void> => {
    let command = planned;
    if (planned.args.some((arg) => arg.includes(PROJECT_NUMBER))) {
      number ??= await projectNumber();
      const known = number;
      command = { ...planned, args: planned.args.map((arg) => arg.replace(PROJECT_NUMBER, known)) };
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        await once(command);
        changed = true;
        return;
      } catch (error) {
        const notYet = changed && error instanceof CommandError && NOT_YET.test(error.output);
        const again = notYet && attempt <= RETRIES.attempts;
        if (!again) throw error;
        if (attempt === 1) tell("Google is still propagating changes; retrying for two minutes.");
        await wait(RETRIES.interval);
      }
    }
  };
}
