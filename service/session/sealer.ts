import { randomBytes } from "node:crypto";
import { OperatorError } from "../contract/errors.ts";
import type { KeyLookup, SessionKeys } from "../keys/sessionKeys.ts";
import type { Seconds } from "../pure/seconds.ts";
import { decodeContent, encodeContent, type Sealed } from "./content.ts";
import { NONCE_BYTES, parseToken, seal, unseal } from "./seal.ts";

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
      readonly reopen: Reopen;
    }
  | Refusal;

/** What was sealed; every `reopen` of a token answers with the same, so it is not to be changed. */
export type Content = Sealed<Readonly<Record<string, unknown>>>;

/** Opens a token again: what `open` would answer, key and time checked, but not decrypted again. */
export type Reopen = () => Opened | Promise<Opened>;

/**
 * Seals and opens tokens with the service's keys. `name` says what a token is for (a session's is
 * its cookie's name): a token of one name, or of another environment, never opens as another's.
 */
export interface Sealer {
  /** @throws KeysUnavailableError if no key can be used now. */
  seal(name: string, content: Sealed<object>): string;
  /** Never throws. A promise only if a key has to be read first. */
  open(name: string, token: string): Opened | Promise<Opened>;
}

/** No key can be used now: answer 503 and leave every cookie as it is. */
export class KeysUnavailableError extends OperatorError {
  /** Seconds after which to try again. */
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super(
      "KEYS_UNAVAILABLE",
      "The keys that seal sessions can't be read at the moment. Nobody is signed out by this: try again in a moment.",
    );
    this.retryAfter = retryAfter;
  }
}

/** Seconds after which a browser asks again, when nothing better is known. */
const RETRY_AFTER = 5;

export interface SealerDeps {
  readonly keys: SessionKeys;
  /** Name of the environment: tokens of one never open in another. */
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
  function open(name: string, token: string): Opened | Promise<Opened> {
    const parsed = parseToken(token);
    if (parsed === undefined) return { outcome: "malformed" };
    const { kid } = parsed;
    return then(keys.find(kid), (lookup) => {
      if (lookup.status !== "found") return refuse(kid, lookup);
      const { key } = lookup;
      const plaintext = unseal(parsed, key, { name, environment });
      if (plaintext === undefined) return { outcome: "tampered", kid };
      const sealed = decodeContent(plaintext);
      if (sealed === undefined) return { outcome: "malformed" };
      const reopen = () =>
        then(keys.find(kid), (now) => {
          if (now.status !== "found") return refuse(kid, now);
          // Another key by the same name did not seal it.
          return now.key === key ? admit(kid, sealed, reopen) : open(name, token);
        });
      return admit(kid, sealed, reopen);
    });
  }

  function admit(kid: string, sealed: Content, reopen: Reopen): Opened {
    const now = clock();
    const age = Math.max(0, now - sealed.iat);
    if (now >= sealed.exp) return { outcome: "expired", kid, age };
    return { outcome: "ok", kid, age, sealed, reopen };
  }

  return {
    seal(name, content) {
      const key = keys.signer();
      if (key === undefined) throw new KeysUnavailableError(RETRY_AFTER);
      return seal(encodeContent(content), key, { name, environment }, random(NONCE_BYTES));
    },

    open,
  };
}

function refuse(kid: string, lookup: Exclude<KeyLookup, { status: "found" }>): Refusal {
  if (lookup.status === "unknown") return { outcome: "unknown_key", kid };
  if (lookup.status === "retired") return { outcome: "retired_key", kid };
  return { outcome: "key_unavailable", kid, retryAfter: lookup.retryAfter };
}

/** Goes on at once with what is there already. */
function then<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
