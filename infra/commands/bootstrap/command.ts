import { OperatorError } from "../../../service/contract/errors.ts";
import type { Environment } from "../../../service/contract/settings.ts";
import { findNameProblems, LOCAL_STACK } from "../../config/place.ts";
import type { Ask } from "../ask.ts";
import { runCommand, UsageError } from "../commandLine.ts";
import type { RunProgram } from "../runProgram.ts";
import type { Found } from "./found.ts";
import type { Goal } from "./goal.ts";
import { type Command, type Item, LATER_NUMBER } from "./item.ts";
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
  todo,
  toJson,
} from "./report.ts";

/** All that the command has to do with outside of itself. */
export interface CommandDeps {
  readonly env: Environment;
  /** Prints what was asked for. */
  readonly print: (text: string) => void;
  /** Prints what goes on, beside it. */
  readonly tell: (text: string) => void;
  /** Undefined if nobody is there to answer. */
  readonly ask: Ask | undefined;
  readonly run: RunProgram;
  /** The file's text; undefined if there is none. */
  readonly readFile: (path: string) => string | undefined;
  /** Resolves after that many seconds. */
  readonly wait: (seconds: number) => Promise<void>;
  readonly fetch: typeof fetch;
}

/**
 * What Google propagates with a delay: an API, an account or a key that was made a moment ago.
 * https://cloud.google.com/iam/docs/access-change-propagation
 */
const NOT_YET = /SERVICE_DISABLED|has not been used in project|NOT_FOUND|does not exist|not found/i;
/** How often a command is tried again for that, and the seconds before each time: two minutes. */
const RETRIES = { attempts: 24, interval: 5 };

const EXISTS = /already exists|ALREADY_EXISTS/i;

/** Runs `npm run bootstrap` and returns its exit status: 0 done, 1 not done, 2 invalid arguments. */
export function runBootstrapCommand(
  args: readonly string[],
  deps: CommandDeps,
): Promise<0 | 1 | 2> {
  return runCommand(
    {
      name: "bootstrap",
      help: HELP,
      parse: parseBootstrapOptions,
      run: (options) => bootstrap(options, deps),
    },
    args,
    deps,
  );
}

async function bootstrap(options: BootstrapOptions, deps: CommandDeps): Promise<boolean> {
  const { print, tell, ask } = deps;
  const { dryRun, json, yes } = options;
  const goal = readGoal(options, deps);
  tell("Looking at what there is; this takes half a minute.");
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
  if (!dryRun && todo(items).length > 0) {
    await checkPermissions(goal, found, items, deps);
    if (!(await confirmed())) return false;
  }
  const outcomes = dryRun ? [] : await perform();
  if (json) print(toJson(goal, found, items, outcomes));
  const done = !outcomes.includes("failed");
  if (done) say(describeNext(goal, found));
  return done;

  async function confirmed(): Promise<boolean> {
    if (yes) return true;
    if (ask === undefined) {
      throw new UsageError("Nobody is here to ask. Add --yes to do it, or --dry-run not to.");
    }
    // Whoever is asked has to see what for, while a program reads what is printed.
    if (json) tell(describePlan(goal, found, items));
    const agreed = await ask("\nDo this? [y/N] ");
    if (!agreed) tell("Nothing was changed.");
    return agreed;
  }

  /** Does what is to be done, up to the first failure. */
  async function perform(): Promise<readonly Outcome[]> {
    const runner = createRunner(goal, deps);
    const count = todo(items).length;
    const outcomes: Outcome[] = [];
    let at = 0;
    for (const { what, outcome, commands } of items) {
      if (outcome === "found" || outcomes.includes("failed")) {
        outcomes.push(outcome === "found" ? "found" : "left");
        continue;
      }
      at += 1;
      const result = outcome === "make" ? "made" : "changed";
      try {
        for (const command of commands) await runner(command);
        outcomes.push(result);
        say(`[${at}/${count}] ${result.padEnd(7)}  ${what}`);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        outcomes.push("failed");
        tell(`[${at}/${count}] failed   ${what}\n\n${error.message}\n`);
        tell("What came before is done. Run the same command again: it goes on from here.");
      }
    }
    return outcomes;
  }
}

/** @throws UsageError if the stack can't have its name, or nothing says which region it is for */
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

/** @throws OperatorError if the operator lacks a permission in a project that exists */
async function checkPermissions(
  { project }: Goal,
  { operator, project: exists }: Found,
  items: readonly Item[],
  { run, fetch, tell }: CommandDeps,
): Promise<void> {
  // Who makes a project is its owner.
  if (exists === undefined) return;
  const { stdout } = await run("gcloud", ["auth", "print-access-token"]);
  const missing = await missingPermissions({
    project,
    permissions: [...new Set(todo(items).flatMap(({ permission }) => permission ?? []))],
    accessToken: stdout.trim(),
    fetch,
  });
  if (missing === undefined) {
    tell("Google does not say what you may do in the project, so a step may be refused.");
  } else if (missing.length > 0) {
    throw new OperatorError(
      "PERMISSION_MISSING",
      `${operator} lacks ${missing.join(", ")} in project ${project}. Ask an owner of the project for the role Owner, or for roles with these.`,
    );
  }
}

/** Runs commands, and tries again what fails only because Google propagates changes with a delay. */
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
    if (planned.args.some((arg) => arg.includes(LATER_NUMBER))) {
      number ??= await projectNumber();
      const known = number;
      command = { ...planned, args: planned.args.map((arg) => arg.replace(LATER_NUMBER, known)) };
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        await once(command);
        changed = true;
        return;
      } catch (error) {
        const notYet = changed && error instanceof CommandError && NOT_YET.test(error.said);
        const again = notYet && attempt <= RETRIES.attempts;
        if (!again) throw error;
        if (attempt === 1) tell("Google does not know everything yet; trying for two minutes.");
        await wait(RETRIES.interval);
      }
    }
  };
}
