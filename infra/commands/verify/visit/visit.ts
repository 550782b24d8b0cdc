import { sessionCookie } from "../../../../service/session/cookie.ts";
import { instancesOf, isSkipped, type Observations, type Snapshot } from "../observations.ts";
import type { Secrets } from "../output.ts";
import type { HeldCookie } from "../sessionInput.ts";
import type { Client } from "../site/client.ts";
import { tryForgeries } from "./forge.ts";
import { tryLogout } from "./logoutTrial.ts";
import { obtainSession } from "./obtainSession.ts";
import type { OpenedSite } from "./open.ts";
import { tryPlainHttp } from "./plainHttp.ts";
import { revisit } from "./revisit.ts";
import { type Browsing, beginSignIn } from "./signIn.ts";
import { useSession } from "./useSession.ts";

export interface VisitOptions {
  /** The most requests for clips. */
  readonly requests: number;
  /** Instances that have to answer; undefined if nobody said how many. */
  readonly instances: number | undefined;
  readonly snapshot: Snapshot | undefined;
  /** A session of the user's. */
  readonly given: HeldCookie | undefined;
}

export interface VisitDeps {
  readonly client: Client;
  readonly secrets: Secrets;
  readonly random: (bytes: number) => Uint8Array;
  /** Told what is being done. */
  readonly progress: (text: string) => void;
  /** Asks the user for a session; undefined if nobody is there. */
  readonly ask: (() => Promise<HeldCookie | undefined>) | undefined;
}

/** What was seen, and the session's cookie for whoever has to keep it. */
export interface Visited {
  readonly seen: Observations;
  readonly cookie: HeldCookie | undefined;
}

const WANTED_INSTANCES = 3;

/**
 * Goes through a site as a user, a stranger and a forger would, and judges nothing.
 * @throws SiteError if the site stops answering
 */
export async function visitSite(
  { site, live }: OpenedSite,
  options: VisitOptions,
  { client, secrets, random, progress, ask }: VisitDeps,
): Promise<Visited> {
  const { snapshot, requests, given } = options;
  const wanted = {
    instances: options.instances ?? WANTED_INSTANCES,
    said: options.instances !== undefined,
  };
  const browsing: Browsing = { client, site, secrets };
  const html = { headers: { accept: "text/html" } };
  const at = (path: string) => new URL(path, site.url);

  progress("looking around without a session");
  const ready = await client.ask(at("/health/ready"));
  const home = await client.ask(at("/"), html);
  const api = await client.ask(at("/api/clips"));
  const page = await client.ask(at("/reel-maker"), html);
  const plainHttp = await tryPlainHttp(browsing);

  progress("signing in");
  const begun = await beginSignIn(browsing);
  const { signIn, held } = await obtainSession(browsing, begun, { given, ask, snapshot });
  const cookie = isSkipped(held) ? undefined : held.cookie;
  if (cookie !== undefined) secrets.add(cookie.value);

  const session = isSkipped(held)
    ? held
    : await useSession(browsing, {
        held,
        signIn,
        requests,
        instances: wanted.instances,
        onProgress: (sent, visits) => progress(describeLoad(sent, instancesOf(visits).length)),
      });

  progress("trying forged cookies");
  const forgeries = await tryForgeries(browsing, {
    cookieName: cookie?.name ?? sessionCookie(site.https).name,
    value: cookie?.value,
    random,
  });
  progress("signing out");
  const logout = await tryLogout(browsing, isSkipped(held) ? undefined : held.source);

  if (snapshot !== undefined) progress("trying the session from before");
  const instances = isSkipped(session) ? [] : instancesOf(session.visits);
  const before = snapshot && (await revisit(browsing, { snapshot, instances, requests }));
  const seen = {
    site,
    now: client.now(),
    requests: client.requests,
    wanted,
    health: { live, ready },
    home,
    login: begun.login,
    signIn,
    stranger: { api, page },
    forgeries,
    plainHttp,
    session,
    logout,
    skew: client.skew,
    before,
  };
  return { seen, cookie };
}

function describeLoad(requests: number, instances: number): string {
  const answered = instances === 1 ? "1 instance has" : `${instances} instances have`;
  return `loading clips: ${requests} requests, ${answered} answered`;
}
