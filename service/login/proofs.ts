import { randomBytes } from "node:crypto";

/** The secrets of one sign-in. */
export interface Proofs {
  /** Comes back through the browser: the callback belongs to this sign-in. */
  readonly state: string;
  /** Comes back in the ID token: the token belongs to this sign-in. */
  readonly nonce: string;
  /** Goes to the provider with the code: the code was asked for by this service. RFC 7636. */
  readonly verifier: string;
}

const PROOF_BYTES = 32;

/** Fresh secrets for one sign-in, 256 bits each. */
export function createProofs(): Proofs {
  const proof = () => randomBytes(PROOF_BYTES).toString("base64url");
  return { state: proof(), nonce: proof(), verifier: proof() };
}
