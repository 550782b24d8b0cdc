/** Unix time in seconds. */
export type Seconds = number;

/** What a sealed token holds. */
export interface Sealed<Data> {
  readonly iat: Seconds;
  readonly exp: Seconds;
  readonly data: Data;
}

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
      readonly sealed: Sealed<Record<string, unknown>>;
    }
  | Refusal;

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
