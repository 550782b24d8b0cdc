import { hash, hkdfSync, randomBytes } from "node:crypto";
import type { Request, Response } from "express";
import type { Seconds } from "../pure/seconds.ts";
import { cookieValue, sessionCookie } from "../session/cookie.ts";
import { KeysUnavailableError } from "../session/errors.ts";
import { isSignedIn } from "../session/session.ts";
import { DEFAULT_RETURN_TO } from "./returnTo.ts";
import { type SealedCookieDeps, SealedCookies } from "./sealedCookies.ts";

/** Seconds from the way to the provider until the way back. */
export const ATTEMPT_LIFETIME: Seconds = 600;

/** Sign-ins that one browser can have begun. One more evicts the oldest. */
export const MAX_ATTEMPTS = 8;

/**
 * Size limit of all attempts' cookies of a browser. With a session's largest cookies, and data of an
 * earlier session that is about to be cleared, all stay below 12 kB.
 */
export const MAX_ATTEMPT_BYTES = 3_700;

/**
 * What each attempt counts for at least, begun or not: enough for a path of 60 characters. So there
 * is room for `MAX_ATTEMPTS` at any time, whichever of them have ended or are done.
 */
const RESERVED_BYTES = 370;

/** The secrets of one sign-in, 256 bits each. */
export interface Proofs {
  /** Comes back through the browser: the callback belongs to this sign-in. */
  readonly state: string;
  /** Comes back in the ID token: the token belongs to this sign-in. */
  readonly nonce: string;
  /** Goes to the provider with the code: the code was asked for by this service. RFC 7636. */
  readonly verifier: string;
}

/** What a sign-in is begun for. */
export interface Purpose {
  /** Path to go to in the end. */
  readonly returnTo: string;
  /** Whether the user was asked which account to use. */
  readonly otherAccount: boolean;
  /** Whether it was begun without the user, because the code of an earlier one was used up. */
  readonly automatic: boolean;
}

/** A sign-in that this browser began. */
export interface Attempt extends Purpose, Proofs {
  /** What the proofs derive from. */
  readonly seed: string;
  readonly startedAt: Seconds;
  /** Tag of the session's cookie that the browser had then; empty if it had none. */
  readonly session: string;
}

/** What is known of a state that came back. */
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
  /** A new one, which is begun once `keep` has set its cookie. */
  create(req: Request, purpose: Purpose): Attempt;
  /** @throws KeysUnavailableError */
  keep(req: Request, res: Response, attempt: Attempt): void;
  /** @throws KeysUnavailableError if the cookie's key can't be read now */
  find(req: Request, state: string | null): Promise<FoundAttempt>;
  /** Notes that the code of an attempt is redeemed. @throws KeysUnavailableError */
  finish(res: Response, attempt: Attempt): void;
  /** Whether somebody is signed in by a session that began after the attempt did. */
  isNewerSession(req: Request, attempt: Attempt): boolean;
}

const SEED_BYTES = 32;
/** 72 bits: enough to tell the few attempts of one browser apart. */
const TAG_LENGTH = 12;

export function createAttempts(deps: SealedCookieDeps): Attempts {
  const { cookieSecure, clock } = deps;
  // Not with Path=/login, which would spare other requests the cookies: a sibling domain could plant
  // an attempt of its own, have the browser finish it, and so sign its user in as somebody else.
  const cookies = new SealedCookies(deps, "sign-in");
  const NAME = new RegExp(`^${cookies.prefix}-(\\d{1,11})-[\\w-]{${TAG_LENGTH}}$`);

  /** The attempts in a request by their cookies' names, oldest first. */
  function sent(req: Request): { name: string; startedAt: Seconds; bytes: number }[] {
    const pairs = (req.headers.cookie ?? "").split(";").map((pair) => pair.trim());
    return pairs
      .map((pair) => {
        const name = pair.split("=", 1)[0] ?? "";
        return { name, startedAt: Number(NAME.exec(name)?.[1]), bytes: countedBytes(pair) };
      })
      .filter(({ startedAt }) => !Number.isNaN(startedAt))
      .sort((a, b) => a.startedAt - b.startedAt);
  }

  function cookieOf({ startedAt, state }: Attempt, data: SealedAttempt) {
    const name = `${cookies.prefix}-${startedAt}-${tagOf(state)}`;
    const content = { iat: startedAt, exp: startedAt + ATTEMPT_LIFETIME, data: { ...data } };
    return cookies.seal(content, name);
  }

  /**
   * Of the cookie, which stays the same for a session's whole life, and not of the credential: an
   * instance may refuse a session as ended that another, which has not heard of it, accepts. Not the
   * time: tabs begin and come back within the same second.
   */
  function sessionTag(req: Request): string {
    const value = cookieValue(req.headers.cookie, sessionCookie(cookieSecure).name);
    return value === undefined ? "" : tagOf(value);
  }

  return {
    create(req, purpose) {
      const seed = randomBytes(SEED_BYTES).toString("base64url");
      return { ...purpose, ...derive(seed), seed, startedAt: clock(), session: sessionTag(req) };
    },

    keep(req, res, attempt) {
      const others = sent(req).reverse();
      const pending = others
        .filter(({ startedAt }) => startedAt + ATTEMPT_LIFETIME > attempt.startedAt)
        .slice(0, MAX_ATTEMPTS - 1);
      const reserved = (MAX_ATTEMPTS - 1 - pending.length) * RESERVED_BYTES;
      const room = pending.reduce((left, { bytes }) => left - bytes, MAX_ATTEMPT_BYTES - reserved);
      const data = { ...flat(attempt), s: attempt.seed, k: attempt.session };
      let cookie = cookieOf(attempt, data);
      if (countedBytes(cookie.pair) > Math.max(room, RESERVED_BYTES)) {
        // Better the start page for this one than the end of another.
        cookie = cookieOf(attempt, { ...data, r: DEFAULT_RETURN_TO });
      }
      cookie.set(res);
      // Too many bytes only if several with long paths began at the same moment.
      let bytes = countedBytes(cookie.pair);
      for (const other of others) {
        bytes += other.bytes;
        if (!pending.includes(other) || bytes > MAX_ATTEMPT_BYTES) {
          cookies.clear(res, other.name);
        }
      }
    },

    async find(req, state) {
      const tag = tagOf(state ?? "");
      const name = sent(req).find((each) => each.name.endsWith(`-${tag}`))?.name;
      const opened = name && (await cookies.open(req, name));
      if (!opened) return { status: "unknown", outcome: "none" };
      if (opened.outcome === "key_unavailable") throw new KeysUnavailableError(opened.retryAfter);
      if (opened.outcome !== "ok") return { status: "unknown", outcome: opened.outcome };
      return read(opened.sealed.data, opened.sealed.iat);
    },

    finish(res, attempt) {
      cookieOf(attempt, flat(attempt)).set(res);
    },

    isNewerSession: (req, { session }) => isSignedIn(req) && sessionTag(req) !== session,
  };
}

/** What a cookie holds, under short names: a byte here takes more than one of the header. */
interface SealedAttempt {
  /** Path to return to. */
  readonly r: string;
  /** Flags: `o` for another account, `a` for automatic. */
  readonly f: string;
  /** Seed and tag of the session; absent once the code is redeemed. */
  readonly s?: string;
  readonly k?: string;
}

function flat({ returnTo, otherAccount, automatic }: Purpose): SealedAttempt {
  return { r: returnTo, f: `${otherAccount ? "o" : ""}${automatic ? "a" : ""}` };
}

/** Another version of the service may have sealed something else. */
function read({ r, f, s, k }: Readonly<Record<string, unknown>>, startedAt: Seconds): FoundAttempt {
  if (typeof r !== "string" || typeof f !== "string") {
    return { status: "unknown", outcome: "malformed" };
  }
  const purpose = { returnTo: r, otherAccount: f.includes("o"), automatic: f.includes("a") };
  return typeof s === "string" && typeof k === "string"
    ? { status: "begun", attempt: { ...purpose, ...derive(s), seed: s, startedAt, session: k } }
    : { status: "done", purpose };
}

/** One seed in the cookie instead of three secrets: RFC 5869. */
function derive(seed: string): Proofs {
  const part = (name: keyof Proofs) =>
    Buffer.from(hkdfSync("sha256", seed, "", `phoenix sign-in ${name}`, 32)).toString("base64url");
  return { state: part("state"), nonce: part("nonce"), verifier: part("verifier") };
}

function countedBytes(pair: string): number {
  return Math.max(RESERVED_BYTES, `${pair}; `.length);
}

/** Names a cookie after its state without showing the state. */
function tagOf(state: string): string {
  return hash("sha256", state, "base64url").slice(0, TAG_LENGTH);
}
