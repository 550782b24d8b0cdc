import { createRecentEntries } from "../ended/recentEntries.ts";
import { type FailureReason, SignInError } from "./failures.ts";

/** Calls that one attempt may cause while the provider does not answer them. */
const MAX_CALLS = 3;

/** Attempts whose calls are counted; an evicted one starts from zero. */
const MAX_ATTEMPTS = 2_000;

/** Failures without a call to the provider. */
const WITHOUT_CALL: ReadonlySet<FailureReason> = new Set([
  "cancelled",
  "error_reported",
  "forged_answer",
]);

/** Limits how often this instance redeems a code of one attempt. */
export interface Redemptions {
  /**
   * @param redeem may reject with a SignInError
   * @throws SignInError `code_refused`, without a call, if a code of that state is used up; and
   * whatever `redeem` throws
   */
  limit<Result>(state: string, redeem: () => Promise<Result>): Promise<Result>;
}

/**
 * A code can be redeemed once, so an attempt needs no further call once the provider has accepted
 * or refused its code. Replaying an attempt with made-up codes causes one call at each instance.
 */
export function createRedemptions(): Redemptions {
  const calls = createRecentEntries<number>(MAX_ATTEMPTS);

  return {
    async limit(state, redeem) {
      const before = calls.get(state) ?? 0;
      if (before >= MAX_CALLS) throw new SignInError("code_refused", { cause: "no call was made" });
      // No second call while this one is in flight.
      calls.set(state, MAX_CALLS);
      try {
        return await redeem();
      } catch (error) {
        const reason = error instanceof SignInError ? error.reason : undefined;
        if (reason === "provider_unavailable") calls.set(state, before + 1);
        // The browser brought no code, or not as the provider would have sent it.
        else if (reason !== undefined && WITHOUT_CALL.has(reason)) calls.set(state, before);
        throw error;
      }
    },
  };
}
