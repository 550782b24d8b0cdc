import { randomBytes } from "node:crypto";
import type { KeyLookup, SessionKey, SessionKeys } from "../keys/sessionKeys.ts";
import type { Seconds } from "../pure/seconds.ts";
import { decodeContent, encodeContent, type Sealed } from "./content.ts";
import { KeysUnavailableError } from "./errors.ts";
import {
  type ParsedToken,
  parseToken,
  type SealingKey,
  seal,
  sealingKey,
  unseal,
  unsealAttachment,
} from "./seal.ts";
import { isSignatureOf, parseSignature, sign } from "./sign.ts";

/** Why a token did not open. */
export type Refusal =
  | { readonly outcome: "malformed" }
  | { readonly outcome: "tampered" | "unknown_key" | "retired_key"; readonly kid: string }
  | { readonly outcome: "expired"; readonly kid: string; readonly age: number }
  | { readonly outcome: "key_unavailable"; readonly kid: string; readonly retryAfter: number };

/** `age` is in seconds since the token's `iat`. */
export type Opened =
  | {
      readonly outcome: "ok";
      readonly kid: string;
      readonly age: number;
      readonly sealed: Content;
      /** Decrypts the token's attachment; undefined if there is none. */
      attachment(): Buffer | undefined;
    }
  | Refusal;

export type Verified = { readonly outcome: "ok" } | Exclude<Refusal, { outcome: "expired" }>;

export type Content = Sealed<Readonly<Record<string, unknown>>>;

/** A token whose key has been found, so that it can be opened synchronously. */
export interface ReadyToken {
  readonly outcome: "ready";
  /** See `Sealer.open`. */
  open(name: string, boundTo?: string): Opened;
}

/**
 * Seals and opens tokens with the service's keys. `name` is the token's purpose, such as its
 * cookie's name; `boundTo` is what it belongs to, such as a session's id. A token opens only with
 * the name, the `boundTo` and the environment that it was sealed with. A key is derived and cached
 * for each name, so use constants as names, and put values that differ between visitors into
 * `boundTo`.
 *
 * An attachment is authenticated with the token, and decrypted only on demand: for what is large
 * and rarely used.
 *
 * @example
 * const token = sealer.seal("invitation", { iat: now, exp: now + 3600, data: { team: "a" } }, sid);
 * const opened = await sealer.open("invitation", token, sid);
 * if (opened.outcome === "ok") join(opened.sealed.data);
 */
export interface Sealer {
  /** @throws KeysUnavailableError if no key can sign now. */
  seal(name: string, content: Sealed<object>, boundTo?: string, attachment?: Buffer): string;
  /** Never throws. Returns a promise only if a key has to be read first. */
  open(name: string, token: string, boundTo?: string): Opened | Promise<Opened>;
  /**
   * Signs a text. For a text that isn't secret this is much cheaper than sealing.
   * @throws KeysUnavailableError if no key can sign now.
   */
  sign(name: string, text: string): string;
  /** Never throws. Returns a promise only if a key has to be read first. */
  verify(name: string, text: string, signature: string): Verified | Promise<Verified>;
  /** Finds a token's key without opening the token. Never throws. */
  prepare(token: string): ReadyToken | Refusal | Promise<ReadyToken | Refusal>;
}

/** Retry-After in seconds where no key can sign, since the key ring gives no estimate. */
const RETRY_AFTER = 5;

export interface SealerDeps {
  readonly keys: SessionKeys;
  /** Name of the environment. Tokens of one environment never open in another. */
  readonly environment: string;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly random?: (bytes: number) => Uint8Array;
}

export function createSealer({
  keys,
  environment,
  clock,
  random = randomBytes,
}: SealerDeps): Sealer {
  const sealingKeys = new WeakMap<SessionKey, Map<string, SealingKey>>();

  function sealingKeyFor(key: SessionKey, name: string): SealingKey {
    let byName = sealingKeys.get(key);
    if (byName === undefined) {
      byName = new Map();
      sealingKeys.set(key, byName);
    }
    let found = byName.get(name);
    if (found === undefined) {
      found = sealingKey(key, name, environment);
      byName.set(name, found);
    }
    return found;
  }

  function prepare(token: string): ReadyToken | Refusal | Promise<ReadyToken | Refusal> {
    const parsed = parseToken(token);
    if (parsed === undefined) return { outcome: "malformed" };
    return whenKnown(keys.find(parsed.kid), (lookup) => {
      if (lookup.status !== "found") return refuse(parsed.kid, lookup);
      return {
        outcome: "ready",
        open: (name, boundTo = "") => openWith(sealingKeyFor(lookup.key, name), parsed, boundTo),
      };
    });
  }

  function openWith(key: SealingKey, parsed: ParsedToken, boundTo: string): Opened {
    const { kid } = parsed;
    const plaintext = unseal(parsed, key, boundTo);
    if (plaintext === undefined) return { outcome: "tampered", kid };
    const sealed = decodeContent(plaintext);
    if (sealed === undefined) return { outcome: "malformed" };
    const now = clock();
    const age = Math.max(0, now - sealed.iat);
    if (now >= sealed.exp) return { outcome: "expired", kid, age };
    const attachment = () => unsealAttachment(parsed, key, boundTo);
    return { outcome: "ok", kid, age, sealed, attachment };
  }

  return {
    seal(name, content, boundTo = "", attachment = undefined) {
      const key = keys.signer();
      if (key === undefined) throw new KeysUnavailableError(RETRY_AFTER);
      const plaintext = encodeContent(content);
      return seal(plaintext, attachment, sealingKeyFor(key, name), boundTo, random);
    },

    open: (name, token, boundTo) =>
      whenKnown(prepare(token), (ready) =>
        ready.outcome === "ready" ? ready.open(name, boundTo) : ready,
      ),

    sign(name, text) {
      const key = keys.signer();
      if (key === undefined) throw new KeysUnavailableError(RETRY_AFTER);
      return sign(text, key, { name, environment });
    },

    verify(name, text, signature) {
      const parsed = parseSignature(signature);
      if (parsed === undefined) return { outcome: "malformed" };
      const { kid } = parsed;
      return whenKnown(keys.find(kid), (lookup): Verified => {
        if (lookup.status !== "found") return refuse(kid, lookup);
        const { key } = lookup;
        return isSignatureOf(text, parsed, key, { name, environment })
          ? { outcome: "ok" }
          : { outcome: "tampered", kid };
      });
    },

    prepare,
  };
}

function refuse(
  kid: string,
  lookup: Exclude<KeyLookup, { status: "found" }>,
): Exclude<Refusal, { outcome: "expired" }> {
  if (lookup.status === "unknown") return { outcome: "unknown_key", kid };
  if (lookup.status === "retired") return { outcome: "retired_key", kid };
  return { outcome: "key_unavailable", kid, retryAfter: lookup.retryAfter };
}

/**
 * Like `Promise.then`, but synchronous where the value is no promise. Not named so: `import()` takes
 * a module that exports `then` for a promise.
 */
export function whenKnown<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
