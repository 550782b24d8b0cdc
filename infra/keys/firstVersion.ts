import { randomBytes } from "node:crypto";
import { ResourceHook } from "@pulumi/pulumi";
import { ConfigError, OperatorError } from "../../service/contract/errors.ts";
import type { Environment } from "../../service/contract/settings.ts";
import { type AccessTokens, googleAccessTokens } from "../../service/google/accessToken.ts";
import { parseEndpoint } from "../../service/google/endpoint.ts";
import { type ApiFailure, GoogleApiError } from "../../service/google/googleApiError.ts";
import { createRestClient } from "../../service/google/restClient.ts";
import {
  createVersionStore,
  parseSecretReference,
  SECRET_MANAGER_API,
} from "../../service/google/secretVersions.ts";
import { once } from "../../service/pure/once.ts";
import { planRotation } from "../../service/rotator/plan.ts";
import { CALL_TIMEOUT, RotationError, rotate } from "../../service/rotator/rotate.ts";
import { RETRIES, sleep } from "../errors/retries.ts";

/**
 * Transient failures. FORBIDDEN is one, because Google propagates new APIs and grants with a delay.
 */
const TRANSIENT: readonly ApiFailure[] = [
  "UNREACHABLE",
  "TIMEOUT",
  "EXHAUSTED",
  "SERVER_ERROR",
  "FORBIDDEN",
];

export interface FirstVersionOptions {
  /** `sm://PROJECT/SECRET`. */
  readonly secretKey: string;
  /** Name of the stack, for commands. */
  readonly stack: string;
  /** Default: `process.env`. SECRET_MANAGER_ENDPOINT and GOOGLE_OAUTH_ACCESS_TOKEN are read. */
  readonly env?: Environment;
  /** Resolves after that many seconds. */
  readonly wait?: (seconds: number) => Promise<void>;
}

/**
 * A hook that adds the first version of SECRET_KEY, if there never was one, before a web service is
 * created or updated. It never runs in a preview. It isn't a hook of the secret, because it
 * would not run again if the first `up` failed after the secret was created.
 */
export function firstVersionHook(options: FirstVersionOptions): ResourceHook {
  return new ResourceHook("first-version-of-SECRET_KEY", firstVersionOnce(options));
}

/**
 * Ensures the first version, once for all calls: the services of several regions are created at the
 * same time, and each would add one.
 */
export function firstVersionOnce(options: FirstVersionOptions): () => Promise<void> {
  return once(async () => {
    await ensureFirstVersion(options);
  });
}

/**
 * Adds a version, as a rotation does, to a secret that never had one. Does nothing to a secret that
 * had a version, even if all are destroyed.
 *
 * @returns Whether a version was added.
 * @throws OperatorError if the secret has versions and none is enabled, or Secret Manager can't be
 * reached.
 */
export async function ensureFirstVersion({
  secretKey,
  stack,
  env = process.env,
  wait = sleep,
}: FirstVersionOptions): Promise<boolean> {
  const secret = parseSecretReference(secretKey);
  if (secret === undefined) throw new Error(`${secretKey} names no secret.`);
  const endpoint = parseEndpoint(env, SECRET_MANAGER_API);
  if ("problems" in endpoint) throw new ConfigError(endpoint.problems);
  const client = createRestClient({
    api: SECRET_MANAGER_API,
    endpoint: endpoint.value,
    timeout: CALL_TIMEOUT,
    accessTokens: tokensOf(env),
  });
  const store = createVersionStore(client, secret);

  async function attempt(): Promise<boolean> {
    if (await hadAny()) {
      if (await hasEnabled()) return false;
      throw noneEnabled(secretKey, stack);
    }
    // The policy applies to existing versions, and there are none.
    const policy = { minimumAge: 0, activationDelay: 0, sessionLifetime: 0 };
    await rotate(planRotation([], policy, 0, "planned"), { store, random: randomBytes });
    return true;
  }

  /** Numbers start at 1 and are never reused, and reads by number are strongly consistent. */
  async function hadAny(): Promise<boolean> {
    return (await store.get(1)) !== undefined;
  }

  async function hasEnabled(): Promise<boolean> {
    const { versions: all } = await store.read();
    return all.some(({ state }) => state === "ENABLED");
  }

  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const cause = error instanceof RotationError ? error.cause : error;
      const transient = cause instanceof GoogleApiError && TRANSIENT.includes(cause.failure);
      if (!transient || retries === RETRIES.attempts) throw cause;
      await wait(RETRIES.interval);
    }
  }
}

function noneEnabled(secretKey: string, stack: string): OperatorError {
  const { project, name } = parseSecretReference(secretKey) ?? {};
  return new OperatorError(
    "NO_ENABLED_VERSION",
    `No version of ${name} is enabled, so the service could not start. Add one with \`npm run ` +
      `rotate -- --stack ${stack}\`, or, unless it has leaked, enable one that is disabled: ` +
      `\`gcloud secrets versions enable N --secret ${name} --project ${project}\`.`,
  );
}

/**
 * The Google provider's credentials: an access token if one is set, else the default credentials.
 */
function tokensOf({ GOOGLE_OAUTH_ACCESS_TOKEN: token }: Environment): AccessTokens {
  return token ? async () => token : googleAccessTokens();
}
