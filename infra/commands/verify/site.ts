import { sessionCookie } from "../../../service/session/cookie.ts";
import { UsageError } from "../commandLine.ts";
import { COOKIE_VALUE, type Snapshot } from "./before.ts";
import { type CheckContext, deployed } from "./check.ts";
import { type Answer, type Client, isCredential, type Secrets } from "./client.ts";
import { type HeldCookie, Session } from "./session.ts";
import { isLoopback, signIn } from "./signIn.ts";
import { SiteError } from "./siteError.ts";

interface SiteOptions extends Pick<CheckContext, "page" | "api" | "requests" | "instances"> {
  readonly site: URL;
}

interface SiteDeps extends Pick<CheckContext, "random"> {
  /** Replaces the progress line; without a text, removes it. */
  readonly progress: (text?: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly askHidden: ((question: string) => Promise<string>) | undefined;
}

/**
 * Asks the site without a session, then obtains a session.
 * @throws SiteError if the site can't be reached, or is not this service
 */
export async function visitSite(
  { site, page, api, requests, instances }: SiteOptions,
  snapshot: Snapshot | undefined,
  client: Client,
  secrets: Secrets,
  { env, progress, random, askHidden }: SiteDeps,
): Promise<CheckContext> {
  progress(`looking for the service at ${site.host}`);
  const live = await openSite(client, site);
  const url = new URL(live.url.origin);
  const https = url.protocol === "https:";
  if (snapshot !== undefined && snapshot.site !== url.origin) {
    throw new UsageError(
      `The file of --before was saved for ${snapshot.site}, not for ${url.origin}. Its session is ` +
        "sent to no other site.",
    );
  }
  const given = env.PHOENIX_SESSION ? parseSession(env.PHOENIX_SESSION, https) : undefined;
  const home = await reach(client, new URL("/", url), "text/html");
  const signedOut = {
    page: await reach(client, new URL(page, url), "text/html"),
    api: await reach(client, new URL(api, url)),
  };
  progress("signing in");
  const way = await signIn(client, url, given === undefined);
  const dependent = [signedOut.api, signedOut.page, way.login];
  if (way.outcome === "signed_in") dependent.push(way.callback);
  const held = await obtainSession();
  const session = held instanceof Session ? held : undefined;
  if (session !== undefined) secrets.add(session.cookie.value);
  return {
    ...{ client, url, https, page, api, requests, instances, random, progress },
    ...{ live, home, signedOut, signIn: way, dependent, session },
    noSession: held instanceof Session ? "" : held,
  };

  /**
   * A session from, in this order: PHOENIX_SESSION, a sign-in here, the snapshot, the prompt. A
   * string says why there is none.
   */
  async function obtainSession(): Promise<Session | string> {
    if (given !== undefined) return offered("pasted", given);
    if (way.outcome === "signed_in") return new Session("made", way.cookie, { client, url }, way);
    if (way.outcome === "refused") return "there is no session: nobody can sign in";
    if (snapshot !== undefined) return offered("saved", snapshot.cookie);
    progress();
    const { name } = sessionCookie(https);
    const text = await askHidden?.(
      `Paste the value of the cookie ${name} (nothing is shown), or press Enter to do without: `,
    );
    return text?.trim()
      ? offered("pasted", parseSession(text, https))
      : "it needs a session, and none was given";
  }

  /** Refuses http except on this machine, because anybody on the way could read the session. */
  function offered(source: "pasted" | "saved", cookie: HeldCookie): Session | string {
    if (!https && !isLoopback(url)) return "a session is not sent over http";
    return new Session(source, cookie, { client, url });
  }
}

/**
 * Parses a session that the user gave: the cookie's value, or `name=value` as developer tools copy
 * it.
 * @throws UsageError, which does not repeat it
 */
function parseSession(text: string, https: boolean): HeldCookie {
  const [, named = "", rest = ""] = /^([\w-]+)=(.*)$/s.exec(text.trim()) ?? [];
  const cookie = isCredential(named)
    ? { name: named, value: rest.trim() }
    : { name: sessionCookie(https).name, value: text.trim() };
  if (COOKIE_VALUE.test(cookie.value)) return cookie;
  throw new UsageError(
    "What was given as the session is no cookie's value. Copy the value of the cookie alone, all of it.",
  );
}

/** @throws SiteError if there is no answer */
async function reach(client: Client, url: URL, accept = "application/json"): Promise<Answer> {
  const answer = await client.ask(url, { headers: { accept } });
  if (answer.error !== undefined) throw answer.error;
  return answer;
}

/**
 * Checks that this service answers at a URL. Follows a redirect to https on the same host.
 * @throws SiteError if it can't be reached, or something else answers
 */
async function openSite(client: Client, url: URL): Promise<Answer> {
  const live = await reach(client, new URL("/health/live", url));
  const { instance, location } = live;
  if (instance === undefined && location !== undefined) {
    const upgraded = url.protocol === "http:" && location.protocol === "https:";
    if (upgraded && location.hostname === url.hostname) {
      return openSite(client, new URL(location.origin));
    }
    throw new SiteError(
      "NOT_THIS_SERVICE",
      `${url.host} sends everyone to ${location.host}: if that is the site, give its address.`,
    );
  }
  if (instance === undefined && live.json.status !== "live") throw strangeAnswer(url, live.status);
  return live;
}

/** The error for a URL at which something other than the service answers. */
function strangeAnswer({ host }: URL, status: number): SiteError {
  if (status >= 500) {
    return new SiteError(
      "NO_INSTANCE",
      `${host} answers ${status} and no instance of the service is behind it: its log says why ` +
        "none starts, most often a SECRET_KEY that is missing or shorter than 32 characters.",
    );
  }
  if (status === 403) {
    return new SiteError(
      "NOT_PUBLIC",
      `${host} answers 403 before the service is asked: it is not open to the public. To let ` +
        `everyone in: ${deployed("publicAccess", "invokerIamDisabled")}; where a policy of the ` +
        "organization forbids that, with allUsers in its place.",
    );
  }
  return new SiteError(
    "NOT_THIS_SERVICE",
    `What answers at ${host} is not this service: GET /health/live gave ${status} and no ` +
      "X-Instance. Check the URL.",
  );
}
