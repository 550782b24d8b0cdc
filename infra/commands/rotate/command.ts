import { ConfigError } from "../../../service/contract/errors.ts";
import { MAX_LIFETIME, readSetting } from "../../../service/contract/serviceSettings.ts";
import { type Environment, optional } from "../../../service/contract/settings.ts";
import type { AccessTokens } from "../../../service/google/accessToken.ts";
import { createRestClient } from "../../../service/google/restClient.ts";
import {
  createVersionStore,
  SECRET_MANAGER_API,
  type SecretReference,
  secretResource,
} from "../../../service/google/secretVersions.ts";
import { parseKeyLimits } from "../../../service/keys/limits.ts";
import { planRotation, type RotationReason } from "../../../service/rotator/plan.ts";
import {
  CALL_TIMEOUT,
  RotationError,
  rotate,
  type StepResult,
} from "../../../service/rotator/rotate.ts";
import { confirm, type Terminal } from "../ask.ts";
import { createCommand } from "../commandLine.ts";
import type { RunProgram } from "../runProgram.ts";
import { HELP, parseRotateOptions, type RotateOptions } from "./options.ts";
import {
  describeResult,
  describeSteps,
  describeVersions,
  type RotationOverview,
  refusedWithin,
  versionRows,
} from "./report.ts";
import { readStackKeys } from "./stackOutputs.ts";

/** What the command uses of the outside world. */
interface CommandDeps extends Terminal {
  readonly env: Environment;
  readonly run: RunProgram;
  readonly random: (bytes: number) => Uint8Array;
  readonly fetch?: typeof fetch;
  readonly accessTokens?: AccessTokens;
}

/** Runs `npm run rotate` and returns its exit status: 0 done, 1 not done, 2 invalid arguments. */
export const runRotateCommand = createCommand({
  name: "rotate",
  help: HELP,
  parse: parseRotateOptions,
  run: runRotation,
});

async function runRotation(options: RotateOptions, deps: CommandDeps): Promise<boolean> {
  const { target, dryRun, json, yes, endpoint } = options;
  const { random, print, tell, ask } = deps;
  const { secret, settings } =
    "stack" in target
      ? await readStackKeys(target.stack, deps.run)
      : { secret: target.secret, settings: withSafeLifetime(deps.env) };
  const { activationDelay, refreshInterval, sessionLifetime } = readSettings(settings);
  const client = createRestClient({
    api: SECRET_MANAGER_API,
    ...deps,
    endpoint,
    timeout: CALL_TIMEOUT,
  });
  const store = createVersionStore(client, secret);

  const reason: RotationReason = options.compromised ? "compromised" : "planned";
  // Adding another version is useless until the newest one signs.
  const minimumAge = options.again ? 0 : activationDelay;
  const policy = { activationDelay, sessionLifetime, minimumAge };
  const { versions, now } = await store.read();
  const plan = planRotation(versions, policy, now, reason);
  const overview: RotationOverview = { versions, policy, refreshInterval, now, reason, plan };

  const say = json ? () => undefined : print;
  say(`${secretResource(secret)}\n`);
  say(`${describeVersions(overview)}\n`);
  say(describeSteps(overview));

  const nothing = plan.steps.length === 0;
  // With --json, the versions and the steps were not shown yet.
  const summary = json ? `${describeVersions(overview)}\n\n${describeSteps(overview)}` : undefined;
  if (dryRun || nothing || !(await confirm({ yes, ask, tell, summary }))) {
    if (json) print(toJson(secret, overview, []));
    return dryRun || nothing;
  }
  say("");
  const results = await perform();
  if (json) print(toJson(secret, overview, results));
  const failed = results.some(({ outcome }) => outcome === "failed");
  if (!failed && reason === "compromised") {
    say(
      `\nEvery instance refuses the old keys within ${refusedWithin(overview)} s from now. Everyone signs in once more.`,
    );
  }
  return !failed;

  async function perform(): Promise<readonly StepResult[]> {
    try {
      return await rotate(plan, {
        store,
        random,
        onStep: (result) => say(describeResult(result)),
      });
    } catch (error) {
      if (!(error instanceof RotationError)) throw error;
      tell(error.message);
      return error.results;
    }
  }
}

/**
 * Without a known lifetime, assumes the longest, so that no key is destroyed that a session needs.
 */
function withSafeLifetime(env: Environment): Environment {
  return {
    ...env,
    PERMANENT_SESSION_LIFETIME: optional(env, "PERMANENT_SESSION_LIFETIME") ?? String(MAX_LIFETIME),
  };
}

/**
 * The service's settings on which a rotation depends, in seconds.
 *
 * @throws ConfigError
 */
function readSettings({
  KEY_ACTIVATION_DELAY,
  KEY_REFRESH_INTERVAL,
  PERMANENT_SESSION_LIFETIME,
}: Environment) {
  const limits = parseKeyLimits({ KEY_ACTIVATION_DELAY, KEY_REFRESH_INTERVAL });
  const lifetime = readSetting({ PERMANENT_SESSION_LIFETIME }, "sessionLifetime");
  if ("value" in limits && "value" in lifetime) {
    const { activationDelay, refreshInterval } = limits.value;
    return { activationDelay, refreshInterval, sessionLifetime: lifetime.value };
  }
  throw new ConfigError([
    ...("problems" in limits ? limits.problems : []),
    ...("problems" in lifetime ? lifetime.problems : []),
  ]);
}

function toJson(
  secret: SecretReference,
  overview: RotationOverview,
  results: readonly StepResult[],
): string {
  const { plan, reason } = overview;
  const output = {
    secret: secretResource(secret),
    reason,
    versions: versionRows(overview),
    steps: plan.steps.map((step, index) => {
      const { outcome = "planned", added } = results[index] ?? {};
      const version = step.action === "add" ? added?.version : step.version.version;
      return { action: step.action, ...(version !== undefined && { version }), outcome };
    }),
    ...(plan.alreadyAdded && { alreadyAdded: plan.alreadyAdded.version }),
    ...(reason === "compromised" && { refusedWithin: refusedWithin(overview) }),
  };
  return JSON.stringify(output, null, 2);
}
