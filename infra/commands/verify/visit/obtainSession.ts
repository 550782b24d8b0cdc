import type { SignIn, Skipped, Snapshot, Source } from "../observations.ts";
import type { HeldCookie } from "../sessionInput.ts";
import { type Begun, type Browsing, completeSignIn, wayIn } from "./signIn.ts";

export interface SessionOffers {
  /** What the environment gives; undefined if nothing. */
  readonly given: HeldCookie | undefined;
  /** Asks the user; undefined if nobody is there to ask. Resolves with undefined if they decline. */
  readonly ask: (() => Promise<HeldCookie | undefined>) | undefined;
  readonly snapshot: Snapshot | undefined;
}

/** A session to use, or why there is none; and how the way in went. */
export interface Obtained {
  readonly signIn: SignIn;
  readonly held: Held | Skipped;
}

export interface Held {
  readonly source: Source;
  readonly cookie: HeldCookie;
}

/** A session: what the user gave, else one made here, else the one from before, else what they paste. */
export async function obtainSession(
  browsing: Browsing,
  begun: Begun,
  { given, ask, snapshot }: SessionOffers,
): Promise<Obtained> {
  const { site } = browsing;
  if (given !== undefined) {
    return { signIn: wayIn(browsing, begun), held: offered("pasted", given) };
  }
  const signIn = await completeSignIn(browsing, begun);
  if (signIn.outcome === "signed_in") {
    const { name, value } = signIn.cookie;
    return { signIn, held: { source: "made", cookie: { name, value } } };
  }
  if (signIn.outcome === "refused") {
    return { signIn, held: { skipped: "there is no session: nobody can sign in" } };
  }
  if (snapshot !== undefined) return { signIn, held: offered("saved", snapshot.cookie) };
  const pasted = await ask?.();
  if (pasted !== undefined) return { signIn, held: offered("pasted", pasted) };
  return { signIn, held: { skipped: "it needs a session, and none was given" } };

  /** Whoever is in between could read a session that goes over http. */
  function offered(source: Source, cookie: HeldCookie): Held | Skipped {
    if (site.https || site.loopback) return { source, cookie };
    return { skipped: "a session is not sent over http" };
  }
}
