import type { PlainHttp } from "../observations.ts";
import { locationOf } from "../site/answer.ts";
import { SiteError } from "../site/siteError.ts";
import type { Browsing } from "./signIn.ts";

/** Asks for the start page over http, where the site is at https' own port. */
export async function tryPlainHttp({ client, site }: Browsing): Promise<PlainHttp> {
  if (!site.https) return { skipped: "the site is at an http address" };
  if (site.url.port !== "") return { skipped: "no http port goes with a port of its own" };
  const url = new URL("/", site.url);
  url.protocol = "http:";
  try {
    const answer = await client.ask(url);
    const leadsTo = locationOf(answer, url.href);
    return { outcome: "answered", status: answer.status, leadsTo };
  } catch (error) {
    if (error instanceof SiteError) return { outcome: "closed" };
    throw error;
  }
}
