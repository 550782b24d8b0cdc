import { messageOf } from "../contract/errors.ts";
import type { AccessTokens } from "../google/accessToken.ts";
import type { Fetch } from "../google/httpFetch.ts";
import { createRestClient } from "../google/restClient.ts";
import { SECRET_MANAGER_API } from "../google/secretManagerApi.ts";
import { type SecretReference, secretResource } from "../google/secretReference.ts";
import { createSecretVersions, VERSION_NUMBER } from "../google/secretVersions.ts";
import { type AbortAfter, unlessAborted } from "../process/abort.ts";
import type { EventLog } from "../process/eventLog.ts";
import { isWithin } from "./age.ts";
import { createKeyLookup } from "./keyLookup.ts";
import { chooseSigner, maySign, signsFrom } from "./keyRing.ts";
import { FIRST_RETRY, JITTER, type KeyLimits, MAX_AGE_INTERVALS } from "./limits.ts";
import { createRingMemory, type EnabledVersion } from "./ringMemory.ts";
import { readRing } from "./ringReading.ts";
import type { Readiness, SessionKey, SessionKeys } from "./sessionKeys.ts";

export interface SecretManagerKeysDeps {
  readonly secret: SecretReference;
  /** Base URL, as `parseSecretManagerEndpoint` returns it. */
  readonly endpoint: string;
  readonly limits: KeyLimits;
  readonly log: EventLog;
  /** Unix time in seconds; fractions are welcome. */
  readonly clock: () => number;
  /** From 0 to below 1. */
  readonly random?: () => number;
  readonly fetch?: Fetch;
  readonly accessTokens?: AccessTokens;
  readonly abortAfter?: AbortAfter;
}

/**
 * The versions of a secret as a ring of keys, kept fresh by the requests that it serves.
 *
 * There are no timers: Cloud Run takes an instance's CPU away between requests. A reading of the
 * ring begins with the first request after an interval, and that request does not wait for it,
 * unless the ring is older than two intervals: then the instance was frozen, and anything may have
 * happened. A failed reading keeps the ring; the next attempts come ever later, and no request
 * waits for them. Keys of a ring that is much too old are accepted and don't sign any more, because
 * their sessions could outlive them.
 */
export function createSecretManagerKeys({
  secret,
  endpoint,
  limits,
  log,
  clock,
  random = Math.random,
  abortAfter = AbortSignal.timeout,
  ...rest
}: SecretManagerKeysDeps): SessionKeys {
  const { refreshInterval, readTimeout } = limits;
  const client = createRestClient({
    api: SECRET_MANAGER_API,
    endpoint,
    timeout: readTimeout,
    clock,
    abortAfter,
    ...rest,
  });
  const source = createSecretVersions(client, secret);
  const memory = createRingMemory({
    onUnfit: (version, reason) =>
      log.error(
        { event: "key_skipped", kid: String(version), reason },
        `Version ${version} of SECRET_KEY is skipped: ${reason}`,
      ),
  });
  const lookUp = createKeyLookup({
    source,
    memory,
    limits,
    clock,
    onFailure: (version, error) =>
      log.warn(
        { event: "key_lookup_failed", kid: String(version), cause: messageOf(error) },
        `Version ${version} of SECRET_KEY can't be looked up`,
      ),
  });

  /** When the last reading began to which everything was answered. */
  let asOf: number | undefined;
  /** What was enabled when every version was known, and the key that signs was sure to be. */
  let complete: { readonly asOf: number; readonly enabled: readonly EnabledVersion[] } | undefined;
  /** When the last reading failed, if nothing has succeeded since. */
  let failedAt: number | undefined;
  let failuresInARow = 0;
  let failure: unknown;
  let next: { readonly from: number; readonly wait: number } | undefined;
  /** The reading under way. */
  let current: Promise<void> | undefined;
  let begun = 0;

  function signer(now: number) {
    const candidates = memory
      .usable()
      .flatMap(({ version, createTime, key }) =>
        createTime === undefined ? [] : [{ version, createTime, key }],
      );
    const chosen = chooseSigner(candidates, limits, now);
    if (chosen === undefined || signsFrom(chosen, limits) <= now) return chosen;
    // An older one, which can't be read here just now, is the one that signs elsewhere.
    const tooSoon = memory.enabled().some(({ version }) => version < chosen.version);
    return tooSoon ? undefined : chosen;
  }

  function signingKey(): SessionKey | undefined {
    const now = clock();
    const chosen = signer(now);
    if (chosen === undefined || complete === undefined) return undefined;
    // A successor that was disabled since may have had the version retired before.
    const successors = [...complete.enabled, ...memory.enabled()];
    return maySign(chosen, successors, complete.asOf, limits, now) ? chosen.key : undefined;
  }

  function isDue(now: number): boolean {
    return next === undefined || !isWithin(now - next.from, next.wait);
  }

  function isTooOld(now: number): boolean {
    return asOf === undefined || !isWithin(now - asOf, MAX_AGE_INTERVALS * refreshInterval);
  }

  function failedLately(now: number): boolean {
    return failedAt !== undefined && isWithin(now - failedAt, MAX_AGE_INTERVALS * refreshInterval);
  }

  function after(now: number, seconds: number): { from: number; wait: number } {
    return { from: now, wait: seconds * (1 - JITTER + 2 * JITTER * random()) };
  }

  async function read(since: number): Promise<void> {
    begun += 1;
    const mine = begun;
    const { failures, ...reading } = await readRing(source, memory);
    // A later one has begun, because this one was held up: an instance froze in the middle of it.
    if (mine !== begun) return;
    current = undefined;
    const now = clock();
    const chosen = signer(now)?.version;
    if (reading.complete && (chosen === undefined || reading.confirmed.has(chosen))) {
      complete = { asOf: since, enabled: memory.enabled() };
    }
    const [first] = failures;
    if (first === undefined) {
      asOf = since;
      failedAt = undefined;
      failuresInARow = 0;
      failure = undefined;
      reportRefreshed(now);
      return;
    }
    failedAt = now;
    failure = first;
    next = after(now, Math.min(refreshInterval, FIRST_RETRY * 2 ** failuresInARow));
    failuresInARow += 1;
    reportStale(now, first);
  }

  function reportRefreshed(now: number): void {
    const keys = memory.usable();
    const newest = keys.reduce((max, { createTime }) => Math.max(max, createTime ?? 0), 0);
    log.info(
      {
        event: "key_ring_refreshed",
        versions: keys.map(({ key }) => key.kid),
        signing_kid: signingKey()?.kid,
        ...(newest > 0 && { newest_key_age: Math.round(now - newest) }),
      },
      "The versions of SECRET_KEY were read",
    );
  }

  function reportStale(now: number, error: unknown): void {
    const fields = { event: "key_ring_stale", cause: messageOf(error) };
    if (asOf === undefined) {
      log.error(fields, "The versions of SECRET_KEY could not all be read yet");
    } else {
      const ringAge = Math.round(now - asOf);
      log.error(
        { ...fields, ring_age: ringAge },
        `The versions of SECRET_KEY can't be read: going on with those of ${ringAge} s ago`,
      );
    }
  }

  function begin(now: number): void {
    next = after(now, refreshInterval);
    current = read(now);
  }

  /** Waits for the reading under way, as long as a request may. */
  async function settle(done: Promise<void>): Promise<void> {
    await unlessAborted(done, abortAfter(readTimeout * 1000)).catch(() => undefined);
  }

  function refresh(): Promise<void> | undefined {
    const now = clock();
    if (isDue(now)) begin(now);
    if (current === undefined || !isTooOld(now) || failedLately(now)) return undefined;
    return settle(current);
  }

  function readiness(): Readiness | Promise<Readiness> {
    if (signingKey() !== undefined) return { ready: true };
    const now = clock();
    if (isDue(now)) begin(now);
    return current === undefined ? notReady() : settle(current).then(readinessNow);
  }

  function readinessNow(): Readiness {
    return signingKey() === undefined ? notReady() : { ready: true };
  }

  function notReady(): Readiness {
    const reason = reasonForNoKey();
    log.error({ event: "keys_not_ready", reason }, "There is no key to sign sessions with");
    return { ready: false, reason };
  }

  function reasonForNoKey(): string {
    if (failure !== undefined) return messageOf(failure);
    if (current !== undefined) return "Secret Manager has not answered yet. Try again in a moment.";
    const resource = secretResource(secret);
    return `${resource} has no enabled version that can be a key. Add one: npm run rotate -- --secret ${resource}`;
  }

  return {
    refresh,
    find: (kid) => (VERSION_NUMBER.test(kid) ? lookUp(Number(kid)) : { status: "unknown" }),
    signer: signingKey,
    readiness,
  };
}
