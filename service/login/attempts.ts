import { hash, hkdfSync, randomBytes } from "node:crypto";
import type { Request, Response } from "express";
import type { Seconds } from "../pure/seconds.ts";
import { cookieValue, sessionCookie } from "../session/cookie.ts";
import { KeysUnavailableError } from "../session/errors.ts";
import { isSignedIn } from "../session/session.ts";
import { DEFAULT_RETURN_TO } from "./returnTo.ts";
import { type SealedCookieDeps, SealedCookies } from "./sealedCookies.ts";

/** Seconds from the redirect to the provider until the callback. */
export const ATTEMPT_LIFETIME: Seconds = 600;

/** Maximum sign-ins in progress in a browser. Another one evicts the oldest. */
export const MAX_ATTEMPTS = 8;

/** The secrets of one sign-in, of 256 bits each. */
export interface Proofs {
  /**
   * Comes back through the browser: the callback belongs to this sign-in. Brings the path to go to,
   * sealed, unless that is the default.
   */
  readonly state: string;
  /** Comes back in the ID token: the token belongs to this sign-in. */
  readonly nonce: string;
  /** Goes to the provider with the code: the code was asked for by this service. RFC 7636. */
  readonly verifier: string;
}

/** The purpose of a sign-in. */
export interface Purpose {
  /** Path to return to. */
  readonly returnTo: string;
  /** Whether the user was asked which account to use. */
  readonly otherAccount: boolean;
  /** Whether it was started automatically, because the code of an earlier one was used up. */
  readonly automatic: boolean;
}

/** A sign-in that this browser began. */
export interface Attempt extends Purpose, Proofs {
  /** The proofs derive from this. */
  readonly seed: string;
  readonly startedAt: Seconds;
  /** Tag of the session cookie when the sign-in began; empty without one. */
  readonly session: string;
}

/** Result of looking up a callback's state. */
export type FoundAttempt =
  | { readonly status: "begun"; readonly attempt: Attempt }
  /** This browser came back with it before, and its code is redeemed. */
  | { readonly status: "done"; readonly purpose: Purpose }
  /** `outcome`: what became of its cookie, for the log. */
  | { readonly status: "unknown"; readonly outcome: string };

/**
 * Sign-ins that a browser began, each in a sealed cookie of its own, so that tabs which begin or
 * come back at the same moment don't overwrite each other's. Any instance can finish one, and a
 * browser without the cookie can't finish what another one began.
 */
export interface Attempts {
  /** A new one, which is begun once `keep` has set its cookie. @throws KeysUnavailableError */
  create(req: Request, purpose: Purpose): Attempt;
  /** @throws KeysUnavailableError */
  keep(req: Request, res: Response, attempt: Attempt): void;
  /** @throws KeysUnavailableError if the cookie's key can't be read now */
  find(req: Request, state: string | null): Promise<FoundAttempt>;
  /** Marks an attempt's code as redeemed. @throws KeysUnavailableError */
  finish(res: Response, attempt: Attempt): void;
  /** Whether the current session began after the attempt. */
  isNewerSession(req: Request, attempt: Attempt): boolean;
}

const SEED_BYTES = 32;
/** 72 bits: enough to tell the few attempts of one browser apart. */
const TAG_LENGTH = 12;

export function createAttempts(deps: SealedCookieDeps): Attempts {
  const { sealer, cookieSecure, clock } = deps;
  // Not with Path=/login, which would spare other requests the cookies: a sibling domain could plant
  // an attempt of its own, have the browser finish it, and so sign its user in as somebody else.
  const cookies = new SealedCookies(deps, "sign-in");
  const NAME = new RegExp(`^${cookies.prefix}-(\\d{1,11})-[\\w-]{${TAG_LENGTH}}$`);

  /** The attempts in a request by their cookies' names, newest first. */
  function sent(req: Request): { name: string; startedAt: Seconds }[] {
    const pairs = (req.headers.cookie ?? "").split(";");
    return (
      pairs
        .map((pair) => pair.split("=", 1)[0]?.trim() ?? "")
        .map((name) => ({ name, startedAt: Number(NAME.exec(name)?.[1]) }))
        .filter(({ startedAt }) => !Number.isNaN(startedAt))
        // Browsers send the older first, which tells those of one second apart.
        .reverse()
        .sort((a, b) => b.startedAt - a.startedAt)
    );
  }

  function setCookie(res: Response, attempt: Attempt, secrets: object): void {
    const { startedAt, state, otherAccount, automatic } = attempt;
    const data = { f: `${otherAccount ? "o" : ""}${automatic ? "a" : ""}`, ...secrets };
    const name = `${cookies.prefix}-${startedAt}-${tagOf(state)}`;
    cookies.set(res, { iat: startedAt, exp: startedAt + ATTEMPT_LIFETIME, data }, name);
  }

  /**
   * The proof, and the sealed path. Paths may have 512 characters: in the cookies, those of a few tabs
   * would leave no room for the session.
   */
  function stateWith(proof: string, path: string, iat: Seconds): string {
    if (path === DEFAULT_RETURN_TO) return proof;
    const content = { iat, exp: iat + ATTEMPT_LIFETIME, data: { path } };
    return `${proof}.${sealer.seal(cookies.prefix, content, proof)}`;
  }

  /** @throws KeysUnavailableError */
  async function pathIn(state: string): Promise<string> {
    const [, proof = "", token] = /^([^.]*)\.(.*)$/s.exec(state) ?? [];
    const opened =
      token === undefined ? undefined : await sealer.open(cookies.prefix, token, proof);
    if (opened?.outcome === "key_unavailable") throw new KeysUnavailableError(opened.retryAfter);
    const path = opened?.outcome === "ok" ? opened.sealed.data.path : undefined;
    return typeof path === "string" ? path : DEFAULT_RETURN_TO;
  }

  /**
   * Of the cookie, which stays the same for a session's whole life, and not of the credential: an
   * instance may refuse a session as ended that another, which has not heard of it, accepts. Not
   * the time: tabs begin and come back within the same second.
   */
  function sessionTag(req: Request): string {
    const value = cookieValue(req.headers.cookie, sessionCookie(cookieSecure).name);
    return value === undefined ? "" : tagOf(value);
  }

  return {
    create(req, purpose) {
      const seed = randomBytes(SEED_BYTES).toString("base64url");
      const { proof, ...secrets } = derive(seed);
      const startedAt = clock();
      const state = stateWith(proof, purpose.returnTo, startedAt);
      return { ...purpose, ...secrets, state, seed, startedAt, session: sessionTag(req) };
    },

    keep(req, res, attempt) {
      setCookie(res, attempt, { s: attempt.seed, k: attempt.session });
      const others = sent(req);
      const pending = others
        .filter(({ startedAt }) => startedAt + ATTEMPT_LIFETIME > attempt.startedAt)
        .slice(0, MAX_ATTEMPTS - 1);
      for (const other of others) {
        if (!pending.includes(other)) cookies.clear(res, other.name);
      }
    },

    async find(req, given) {
      const state = given ?? "";
      const tag = tagOf(state);
      const name = sent(req).find((each) => each.name.endsWith(`-${tag}`))?.name;
      const opened = name && (await cookies.open(req, name));
      if (!opened) return { status: "unknown", outcome: "none" };
      if (opened.outcome === "key_unavailable") throw new KeysUnavailableError(opened.retryAfter);
      if (opened.outcome !== "ok") return { status: "unknown", outcome: opened.outcome };
      const { f, s, k } = opened.sealed.data;
      // Another version of the service may have sealed something else.
      if (typeof f !== "string") return { status: "unknown", outcome: "malformed" };
      const returnTo = await pathIn(state);
      const purpose = { returnTo, otherAccount: f.includes("o"), automatic: f.includes("a") };
      if (typeof s !== "string" || typeof k !== "string") return { status: "done", purpose };
      const { proof, ...secrets } = derive(s);
      // Whatever its path is: the cookie is named after the whole state.
      const known = { ...secrets, state: `${proof}${state.slice(proof.length)}` };
      const attempt = { ...purpose, ...known, seed: s, startedAt: opened.sealed.iat, session: k };
      return { status: "begun", attempt };
    },

    finish(res, attempt) {
      setCookie(res, attempt, {});
    },

    isNewerSession: (req, { session }) => isSignedIn(req) && sessionTag(req) !== session,
  };
}

/** One seed in the cookie instead of three secrets: RFC 5869. */
function derive(seed: string): Omit<Proofs, "state"> & { readonly proof: string } {
  const part = (name: string) =>
    Buffer.from(hkdfSync("sha256", seed, "", `phoenix sign-in ${name}`, 32)).toString("base64url");
  return { proof: part("state"), nonce: part("nonce"), verifier: part("verifier") };
}

/** Names a cookie after its state without showing the state. */
function tagOf(state: string): string {
  return hash("sha256", state, "base64url").slice(0, TAG_LENGTH);
}
