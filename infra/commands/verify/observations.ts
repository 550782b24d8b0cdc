import { sessionCookie } from "../../../service/session/cookie.ts";
import type { Answer } from "./site/answer.ts";
import type { Skew } from "./site/client.ts";
import type { SetCookie } from "./site/setCookie.ts";
import type { TokenForm } from "./site/token.ts";

/** Everything that a run has seen. Checks judge it and ask for nothing more. */
export interface Observations {
  readonly site: Site;
  /** Unix time in seconds at the end. */
  readonly now: number;
  /** Requests that were sent. */
  readonly requests: number;
  /** What was asked for: instances that have to answer, and whether somebody said so. */
  readonly wanted: { readonly instances: number; readonly said: boolean };
  readonly health: { readonly live: Answer; readonly ready: Answer };
  readonly home: Answer;
  /** GET /login, not followed. */
  readonly login: Answer;
  readonly signIn: SignIn;
  /** GET of the clips' API and of the reel maker by somebody without a session. */
  readonly stranger: { readonly api: Answer; readonly page: Answer };
  readonly forgeries: readonly Forgery[];
  readonly plainHttp: PlainHttp;
  readonly session: Session | Skipped;
  readonly logout: Logout | Skipped;
  readonly skew: Skew | undefined;
  /** Undefined without `--before`. */
  readonly before: Before | undefined;
}

/** Something that was not tried; the reason is a clause. */
export interface Skipped {
  readonly skipped: string;
}

export interface Site {
  readonly url: URL;
  readonly https: boolean;
  /** Whether it is on this machine. */
  readonly loopback: boolean;
}

/** How the way in went. */
export type SignIn = SignedIn | Elsewhere | Refused;

/** The way leads to a provider at which this program does not sign in. */
export interface Elsewhere {
  readonly outcome: "elsewhere";
  readonly provider: string;
}

export interface Refused {
  readonly outcome: "refused";
  readonly step: "login" | "provider" | "callback";
  readonly status: number;
  readonly code: string | undefined;
  /** Seconds; undefined if nothing says to try again. */
  readonly retryAfter: number | undefined;
}

export interface SignedIn {
  readonly outcome: "signed_in";
  readonly user: string;
  readonly callback: Answer;
  /** The cookie that holds the session. */
  readonly cookie: SetCookie;
}

/** A made-up or changed cookie, and what it was answered with. */
export interface Forgery {
  /** What it is, with its article. */
  readonly what: string;
  readonly answer: Answer;
}

/** What plain http at an https site's host does. */
export type PlainHttp =
  | Skipped
  | { readonly outcome: "closed" }
  | { readonly outcome: "answered"; readonly status: number; readonly leadsTo: URL | undefined };

/** Where the session came from. */
export type Source = "made" | "pasted" | "saved";

/** A session, and what became of the requests that carried it. */
export interface Session {
  readonly source: Source;
  readonly cookieName: string;
  readonly token: TokenForm;
  /** Every Set-Cookie that kept the session, the sign-in's first. */
  readonly cookies: readonly SetCookie[];
  readonly page: Answer;
  readonly clipList: Answer;
  /** One answer for the URL of a clip; undefined if the list could not be had. */
  readonly clipUrl: Answer | undefined;
  readonly visits: readonly Visit[];
  readonly clips: Clips;
  readonly csrf: CsrfTrial | Skipped;
}

/** One request that carried the session. */
export interface Visit {
  readonly instance: string | undefined;
  /** 0: no answer. */
  readonly status: number;
  readonly code: string | undefined;
  /** Whether it can only be answered for somebody who is signed in. A clip's file has its own token. */
  readonly needsSession: boolean;
  /** Whether it was told that nobody is signed in. */
  readonly refused: boolean;
}

export interface Clips {
  /** How many there are. */
  readonly listed: number;
  readonly loaded: number;
  readonly bytes: number;
  /** What was wrong with others, with counts. */
  readonly faults: ReadonlyMap<string, number>;
}

export interface CsrfTrial {
  readonly withoutToken: Answer;
  readonly wrongToken: Answer;
  readonly rightToken: Answer;
  /** What the right token must be answered with, the reel being what it is. */
  readonly expected: number;
  /** Whether the reel is as it was; undefined if it could not be read. */
  readonly reelKept: boolean | undefined;
}

export interface Logout {
  readonly answer: Answer;
  readonly cookieName: string;
  /** GET of the clips' API afterwards. */
  readonly after: Answer;
}

/** What a run before the deployment wrote down. */
export interface Snapshot {
  /** The site's origin. */
  readonly site: string;
  /** Unix time in seconds. */
  readonly savedAt: number;
  readonly cookie: { readonly name: string; readonly value: string };
  /** Seconds; undefined if no sign-in was seen. */
  readonly lifetime: number | undefined;
  /** Unix time in seconds at which the session ends by itself; undefined if that isn't known. */
  readonly endsAt: number | undefined;
  readonly instances: readonly string[];
  /** Security headers of the start page, by name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of the session from before. */
export interface Before {
  readonly snapshot: Snapshot;
  readonly token: TokenForm;
  readonly visits: readonly Visit[];
}

/** Whether something was not tried. */
export function isSkipped<Seen extends object>(seen: Seen | Skipped): seen is Skipped {
  return "skipped" in seen;
}

/** The instances that answered, each once, in the order of their names. */
export function instancesOf(visits: readonly Visit[]): string[] {
  return [...new Set(visits.flatMap(({ instance }) => instance ?? []))].toSorted();
}

/** The name of the session's cookie, as the site sets it; undefined if nothing was set. */
export function cookieNameNow({ session, signIn, login }: Observations): string | undefined {
  if (signIn.outcome === "signed_in") return signIn.cookie.name;
  // All cookies have the prefix, or none.
  const [set] = [...(isSkipped(session) ? [] : session.cookies), ...login.setCookies];
  return set && sessionCookie(set.name.startsWith("__Host-")).name;
}
