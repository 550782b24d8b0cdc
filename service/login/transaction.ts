import type { Request, Response } from "express";
import type { Seconds } from "../pure/seconds.ts";
import { cookieValue } from "../session/cookie.ts";
import { KeysUnavailableError } from "../session/errors.ts";
import type { Sealer } from "../session/sealer.ts";
import type { Proofs } from "./proofs.ts";

/** Seconds from the way to the provider until the way back. */
export const ATTEMPT_LIFETIME = 600;

/** Tabs that can sign in at once; more would not be sure to fit into a cookie. */
export const MAX_ATTEMPTS = 3;

/** One sign-in on its way. */
export interface Attempt extends Proofs {
  /** Path to go to in the end. */
  readonly returnTo: string;
  readonly startedAt: Seconds;
}

/** The sign-ins that a browser has on its way, oldest first. */
export interface Attempts {
  readonly attempts: readonly Attempt[];
  /** What became of the cookie, for the log. */
  readonly outcome: string;
}

export interface TransactionDeps {
  readonly sealer: Sealer;
  readonly cookieSecure: boolean;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
}

/**
 * Sign-ins on their way, in a sealed cookie of their own: whichever instance gets the callback can
 * go on, and a browser without the cookie can't finish what another one began.
 */
export interface Transactions {
  /** @throws KeysUnavailableError if the cookie's key can't be read now. */
  read(req: Request): Promise<Attempts>;
  /** Sets the cookie to the newest of these; removes it if there are none. */
  write(res: Response, attempts: readonly Attempt[]): void;
}

export function createTransactions({ sealer, cookieSecure, clock }: TransactionDeps): Transactions {
  const name = cookieSecure ? "__Host-sign-in" : "sign-in";
  const options = { httpOnly: true, path: "/", sameSite: "lax", secure: cookieSecure } as const;

  return {
    async read(req) {
      const token = cookieValue(req.headers.cookie, name);
      if (token === undefined) return { attempts: [], outcome: "none" };
      const opened = await sealer.open(name, token);
      if (opened.outcome === "key_unavailable") throw new KeysUnavailableError(opened.retryAfter);
      if (opened.outcome !== "ok") return { attempts: [], outcome: opened.outcome };
      const { attempts } = opened.sealed.data;
      const alive = (Array.isArray(attempts) ? attempts : [])
        .filter(isAttempt)
        .filter(({ startedAt }) => clock() < startedAt + ATTEMPT_LIFETIME);
      return { attempts: alive, outcome: opened.outcome };
    },

    write(res, attempts) {
      if (attempts.length === 0) {
        res.clearCookie(name, options);
        return;
      }
      const iat = clock();
      const data = { attempts: attempts.slice(-MAX_ATTEMPTS) };
      const token = sealer.seal(name, { iat, exp: iat + ATTEMPT_LIFETIME, data });
      res.cookie(name, token, { ...options, maxAge: ATTEMPT_LIFETIME * 1000 });
    },
  };
}

/** Another version of the service may have sealed something else. */
function isAttempt(value: unknown): value is Attempt {
  const { state, nonce, verifier, returnTo, startedAt } = (value ?? {}) as Record<string, unknown>;
  return (
    [state, nonce, verifier, returnTo].every((part) => typeof part === "string") &&
    typeof startedAt === "number"
  );
}
