import type { KeyObject } from "node:crypto";

/** Minimum length of a secret, in characters. */
export const MIN_SECRET_LENGTH = 32;

/** A key of sessions. The secret is a KeyObject, which never prints its value. */
export interface SessionKey {
  /** The key's ID in tokens: the secret's version number, or a static key's fingerprint. */
  readonly kid: string;
  /** The secret's payload: input of key derivation, and never a key itself. */
  readonly secret: KeyObject;
}

export type KeyLookup =
  | { readonly status: "found"; readonly key: SessionKey }
  /** There is no such key. */
  | { readonly status: "unknown" }
  /** There was such a key: it is disabled or destroyed. */
  | { readonly status: "retired" }
  /** Whether there is such a key can't be told now; ask again in so many seconds. */
  | { readonly status: "unavailable"; readonly retryAfter: number };

export type Readiness =
  | { readonly ready: true }
  /** `code` names the kind of failure and is safe to publish; the log has the reason. */
  | { readonly ready: false; readonly code: string };

/** The keys of the service, static or from Secret Manager. No method throws or rejects. */
export interface SessionKeys {
  /**
   * Called once for each request before anything is opened or sealed. Returns a promise only if
   * the keys are too old to be used without a new reading; a background reading is not waited for.
   */
  refresh(): Promise<void> | undefined;
  /** Finds a key by its ID. Returns a promise only if the key has to be read first. */
  find(kid: string): KeyLookup | Promise<KeyLookup>;
  /** The key that signs now; undefined if there is none. */
  signer(): SessionKey | undefined;
  /**
   * Whether requests can be served, for the readiness probe; tries to read keys if there are none.
   */
  readiness(): Readiness | Promise<Readiness>;
}
