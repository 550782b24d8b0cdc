import { ada } from "../../../../test/local/identity/users.ts";
import type { Elsewhere, Refused, SignIn, Site } from "../observations.ts";
import type { Secrets } from "../output.ts";
import { type Answer, codeOf, locationOf } from "../site/answer.ts";
import type { Client } from "../site/client.ts";
import { Jar } from "../site/jar.ts";
import { isSessionName } from "../site/setCookie.ts";
import { isLoopback } from "./open.ts";

/** Redirects between the site and its provider; a sign-in takes about five. */
const MAX_STEPS = 12;

export interface Browsing {
  readonly client: Client;
  readonly site: Site;
  readonly secrets: Secrets;
}

/** The first step of a sign-in, and the cookies that belong to it. */
export interface Begun {
  readonly login: Answer;
  readonly jar: Jar;
}

/** Asks the site for the way to its provider, and does not go there. */
export async function beginSignIn(browsing: Browsing): Promise<Begun> {
  const jar = new Jar();
  const login = await step(browsing, jar, new URL("/login", browsing.site.url));
  return { login, jar };
}

/** Where sign-in leads to, as far as it can be told without going there. */
export function wayIn({ site }: Browsing, { login }: Begun): Elsewhere | Refused {
  const authorization = locationOf(login, new URL("/login", site.url).href);
  return authorization === undefined
    ? refusedAt("login", login)
    : { outcome: "elsewhere", provider: authorization.host };
}

/**
 * Signs in as far as that can be done without a person: at a provider on this machine, for a site
 * on this machine. A site elsewhere can't send this program to what listens here.
 */
export async function completeSignIn(browsing: Browsing, begun: Begun): Promise<SignIn> {
  const { site } = browsing;
  const { login, jar } = begun;
  const authorization = locationOf(login, new URL("/login", site.url).href);
  if (authorization === undefined || !site.loopback || !isLoopback(authorization)) {
    return wayIn(browsing, begun);
  }
  const callback = await passProvider(browsing, jar, authorization);
  if (!(callback instanceof URL)) return refusedAt("provider", callback);
  const answer = await step(browsing, jar, callback);
  const cookie = answer.setCookies.find(({ name, value }) => isSessionName(name) && value !== "");
  if (answer.status !== 303 || cookie === undefined) return refusedAt("callback", answer);
  return { outcome: "signed_in", user: ada.email, callback: answer, cookie };
}

/** Goes through the provider's pages as Ada, to the URL at which the site takes over. */
async function passProvider(
  browsing: Browsing,
  jar: Jar,
  authorization: URL,
): Promise<URL | Answer> {
  const { site } = browsing;
  let url = authorization;
  let chosen = false;
  let answer = await step(browsing, jar, url);
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const next = locationOf(answer, url.href);
    if (next === undefined) {
      if (chosen || answer.status !== 200) return answer;
      chosen = true;
      const body = new URLSearchParams({ user: ada.id });
      answer = await step(browsing, jar, url, body);
      continue;
    }
    if (next.origin === site.url.origin) return next;
    if (next.origin !== authorization.origin) return answer;
    url = next;
    answer = await step(browsing, jar, url);
  }
  return answer;
}

async function step(
  { client, secrets }: Browsing,
  jar: Jar,
  url: URL,
  body?: URLSearchParams,
): Promise<Answer> {
  const answer = await client.ask(url, {
    cookie: jar.header(url.origin),
    ...(body !== undefined && { method: "POST", body }),
  });
  keepSecret(secrets, answer);
  jar.keep(url.origin, answer.setCookies, client.now());
  return answer;
}

/** Cookies and the parameters of redirects are nobody else's business. */
export function keepSecret(secrets: Secrets, answer: Answer): void {
  for (const { value } of answer.setCookies) secrets.add(value);
  const location = locationOf(answer, "http://site.invalid");
  for (const value of location?.searchParams.values() ?? []) secrets.add(value);
}

function refusedAt(step: Refused["step"], answer: Answer): Refused {
  const retryAfter = Number(answer.headers.get("retry-after") ?? Number.NaN);
  return {
    outcome: "refused",
    step,
    status: answer.status,
    code: codeOf(answer),
    retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
  };
}
