import { messageOf, OperatorError } from "../contract/errors.ts";
import { createRestClient, type RestClientDeps } from "../google/restClient.ts";
import {
  createSecretVersions,
  SECRET_MANAGER_API,
  type SecretReference,
  secretResource,
  VERSION_NUMBER,
} from "../google/secretVersions.ts";
import type { EventLog } from "../process/eventLog.ts";
import { createRefresher } from "../process/refresher.ts";
import type { Seconds } from "../pure/seconds.ts";
import { chooseSigner, maySign, signsFrom } from "./keyRing.ts";
import { createKnownVersions, type KnownVersion } from "./knownVersions.ts";
import { JITTER, type KeyLimits, MAX_AGE_INTERVALS, READ_TIMEOUT, RETRY_AFTER } from "./limits.ts";
import type { KeyLookup, SessionKey, SessionKeys } from "./sessionKeys.ts";
import { createVersionReader } from "./versionReader.ts";

interface SecretManagerKeysDeps extends Omit<RestClientDeps, "api" | "timeout"> {
  readonly secret: SecretReference;
  readonly limits: KeyLimits;
  readonly log: EventLog;
  readonly clock: () => Seconds;
  readonly random?: () => number;
}

/**
 * The versions of a secret as a ring of keys, refreshed by the requests that it serves.
 *
 * What it promises, while Secret Manager answers: nobody is signed out, and two refresh intervals
 * after a version was disabled no instance accepts its sessions. While it doesn't, an instance goes on
 * with its keys, answers 503 for sessions of keys that it can't look up, and keeps trying. It does not
 * promise that a key never signs before its activation delay is over: an instance that knows no other
 * key signs with one that is too young. That loses nobody, because the others look the key up by its
 * number.
 *
 * Keys of a ring that is much too old are accepted and don't sign any more, because their sessions
 * could outlive them.
 */
export function createSecretManagerKeys(deps: SecretManagerKeysDeps): SessionKeys {
  const { secret, limits, log, clock, random, abortAfter = AbortSignal.timeout } = deps;
  const maxAge = MAX_AGE_INTERVALS * limits.refreshInterval;
  const client = createRestClient({ ...deps, api: SECRET_MANAGER_API, timeout: READ_TIMEOUT });
  const source = createSecretVersions(client, secret);
  const known = createKnownVersions(log);
  const reader = createVersionReader({ source, known, log, abortAfter });
  const refresher = createRefresher({
    policy: { interval: limits.refreshInterval, jitter: JITTER, maxAge, waitLimit: READ_TIMEOUT },
    clock,
    random,
    abortAfter,
    read,
    onSuccess: reportRefreshed,
    onFailure: reportStale,
  });
  /** Enabled versions at the last complete refresh, and its time. */
  let complete: { readonly asOf: Seconds; readonly enabled: readonly KnownVersion[] } | undefined;
  /** Why the last attempt failed; undefined if it succeeded. */
  let failure: unknown;

  async function read(): Promise<void> {
    const since = clock();
    const { number, failures, isComplete } = await reader.readAll();
    const signer = chosen(clock());
    const isConfirmed = signer === undefined || signer.reading >= number;
    const isLatest = complete === undefined || complete.asOf <= since;
    if (isComplete && isConfirmed && isLatest) {
      complete = { asOf: since, enabled: known.summary().enabled };
    }
    const [first] = failures;
    if (first !== undefined) throw first.error;
  }

  function chosen(now: Seconds) {
    const { aged, enabled } = known.summary();
    const signer = chooseSigner(aged, limits, now);
    if (signer === undefined || signsFrom(signer, limits) <= now) return signer;
    // An older version that is unreadable here may be the signer at another instance.
    return enabled.some(({ version }) => version < signer.version) ? undefined : signer;
  }

  function signer(): SessionKey | undefined {
    const now = clock();
    const version = chosen(now);
    if (version === undefined || complete === undefined) return undefined;
    // A successor that has been disabled since may have retired the version before.
    const successors = [...complete.enabled, ...known.summary().enabled];
    return maySign(version, successors, complete.asOf, limits, now) ? version.key : undefined;
  }

  const isWithoutSigner = () => signer() === undefined;

  function reportRefreshed(): void {
    failure = undefined;
    const { enabled, aged } = known.summary();
    const newest = Math.max(0, ...aged.map(({ createTime }) => createTime));
    log.info(
      {
        event: "key_ring_refreshed",
        versions: enabled.flatMap(({ key }) => key?.kid ?? []),
        signing_kid: signer()?.kid,
        ...(newest > 0 && { newest_key_age: Math.round(clock() - newest) }),
      },
      "The versions of SECRET_KEY were read",
    );
  }

  function reportStale(error: unknown): void {
    failure = error;
    const asOf = refresher.asOf();
    const age = asOf === undefined ? undefined : Math.round(clock() - asOf);
    log.error(
      { event: "key_ring_stale", cause: messageOf(error), ring_age: age },
      age === undefined
        ? "The versions of SECRET_KEY could not all be read yet"
        : `The versions of SECRET_KEY can't be read: going on with those of ${age} s ago`,
    );
  }

  /**
   * One failed probe would answer 503 to a whole flood of invented key ids, so it is repeated once.
   */
  async function lookUp(version: number, retries = 1): Promise<KeyLookup> {
    const nothingAbove = await reader.lookUp(version);
    const answer = answerOf(known.get(version));
    if (answer !== undefined) return answer;
    if (nothingAbove && version > known.summary().newest) return UNKNOWN;
    return retries > 0 ? lookUp(version, retries - 1) : UNAVAILABLE;
  }

  function whyNotReady(): [code: string, reason: string] {
    if (failure instanceof OperatorError) return [failure.code, failure.message];
    if (failure !== undefined) return ["INTERNAL", messageOf(failure)];
    if (refresher.asOf() === undefined) {
      return ["KEYS_NOT_READ_YET", "Secret Manager has not answered yet. Try again in a moment."];
    }
    const resource = secretResource(secret);
    const reason = `${resource} has no enabled version that can be a key`;
    return ["NO_ENABLED_KEY", `${reason}. Add one: npm run rotate -- --secret ${resource}`];
  }

  return {
    refresh: () => refresher.refresh(isWithoutSigner),
    find(kid) {
      if (!VERSION_NUMBER.test(kid)) return UNKNOWN;
      const version = Number(kid);
      return answerOf(known.get(version)) ?? lookUp(version);
    },
    signer,
    async readiness() {
      if (isWithoutSigner()) await refresher.refresh(isWithoutSigner);
      if (!isWithoutSigner()) return { ready: true };
      const [code, reason] = whyNotReady();
      log.error({ event: "keys_not_ready", code, reason }, "There is no key to sign sessions with");
      return { ready: false, code };
    },
  };
}

const UNKNOWN: KeyLookup = { status: "unknown" };
const UNAVAILABLE: KeyLookup = { status: "unavailable", retryAfter: RETRY_AFTER };

/** The result without a call; undefined if a call is needed. */
function answerOf(known: KnownVersion | undefined): KeyLookup | undefined {
  const { state, key } = known ?? {};
  if (key !== undefined) return { status: "found", key };
  if (state === "DISABLED" || state === "DESTROYED") return { status: "retired" };
  // An enabled version without a valid key never signed anything.
  return state === "ENABLED" || state === "ABSENT" ? UNKNOWN : undefined;
}
