import { isSkipped, type Session, type SignIn, type Visit } from "../observations.ts";
import { csrfTokenOf, jsonOf } from "../site/answer.ts";
import type { SetCookie } from "../site/setCookie.ts";
import { tokenForm } from "../site/token.ts";
import { tryCsrf } from "./csrfTrial.ts";
import { loadClips, parseList } from "./load.ts";
import type { Held } from "./obtainSession.ts";
import type { Browsing } from "./signIn.ts";
import { Traffic } from "./traffic.ts";

export interface UseOptions {
  readonly held: Held;
  readonly signIn: SignIn;
  readonly requests: number;
  readonly instances: number;
  readonly onProgress: (requests: number, visits: readonly Visit[]) => void;
}

/** Opens the reel maker with a session, loads clips with it, and saves a reel. */
export async function useSession(
  { client, site, secrets }: Browsing,
  { held, signIn, requests, instances, onProgress }: UseOptions,
): Promise<Session> {
  const { cookie, source } = held;
  const traffic = new Traffic(client, site.url, cookie);
  const page = await traffic.ask("/reel-maker", { headers: { accept: "text/html" } });
  const csrfToken = csrfTokenOf(page);
  if (csrfToken !== undefined) secrets.add(csrfToken);
  const clipList = await traffic.ask("/api/clips");
  const { clips, clipUrl } = await loadClips(traffic, clipList, {
    requests,
    instances,
    onProgress,
  });
  const { url } = clipUrl === undefined ? {} : jsonOf(clipUrl);
  if (typeof url === "string") secrets.add(url);

  const token = tokenForm(cookie.value);
  const listed = parseList(clipList).map(({ id }) => id);
  const csrf = await tryCsrf(traffic, { page, clips: listed, token, source });
  const kept: SetCookie[] = signIn.outcome === "signed_in" ? [signIn.cookie] : [];
  if (!isSkipped(csrf)) {
    const again = csrf.rightToken.setCookies;
    for (const { value } of again) secrets.add(value);
    kept.push(...again);
  }
  return {
    source,
    cookieName: cookie.name,
    token,
    cookies: kept,
    page,
    clipList,
    clipUrl,
    visits: traffic.visits,
    clips,
    csrf,
  };
}
