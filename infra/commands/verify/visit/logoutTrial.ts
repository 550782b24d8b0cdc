import type { Logout, Skipped, Source } from "../observations.ts";
import { csrfTokenOf } from "../site/answer.ts";
import { Jar } from "../site/jar.ts";
import { type Browsing, beginSignIn, completeSignIn, keepSecret } from "./signIn.ts";

/**
 * Signs in once more and out again. The session is this trial's own, so nothing else depends on it,
 * and nobody is signed out of theirs.
 */
export async function tryLogout(
  browsing: Browsing,
  source: Source | undefined,
): Promise<Logout | Skipped> {
  if (source === undefined) return { skipped: "there is no session to end" };
  if (source !== "made") {
    return { skipped: "it would end your session; only one that this command made is ended" };
  }
  const { client, site, secrets } = browsing;
  const again = await completeSignIn(browsing, await beginSignIn(browsing));
  if (again.outcome !== "signed_in") return { skipped: "a second sign-in did not come about" };
  const { origin } = site.url;
  const jar = new Jar();
  jar.keep(origin, again.callback.setCookies, client.now());
  const page = await client.ask(new URL("/reel-maker", site.url), { cookie: jar.header(origin) });
  const csrfToken = csrfTokenOf(page);
  if (csrfToken === undefined) {
    return { skipped: "the reel maker's page did not open with the session, so there is no form" };
  }
  secrets.add(csrfToken);
  const answer = await client.ask(new URL("/logout", site.url), {
    method: "POST",
    cookie: jar.header(origin),
    body: new URLSearchParams({ _csrf: csrfToken }),
  });
  keepSecret(secrets, answer);
  jar.keep(origin, answer.setCookies, client.now());
  const after = await client.ask(new URL("/api/clips", site.url), { cookie: jar.header(origin) });
  return { answer, cookieName: again.cookie.name, after };
}
