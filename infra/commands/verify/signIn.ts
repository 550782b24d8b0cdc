import { type Answer, type Client, isCredential, type SetCookie, Visitor } from "./client.ts";

/** Most requests to the provider in one sign-in, which takes about five. */
const MAX_STEPS = 12;

export interface SignedIn {
  readonly outcome: "signed_in";
  readonly callback: Answer;
  /** The credential that the callback set. */
  readonly cookie: SetCookie;
  /** Has all of the session's cookies. */
  readonly visitor: Visitor;
}

/** The result of an attempt to sign in. `login` is the answer to GET /login. */
export type SignIn = { readonly login: Answer } & (
  | SignedIn
  /** The site redirects to a provider at which this program does not sign in. */
  | { readonly outcome: "elsewhere"; readonly provider: string }
  | {
      readonly outcome: "refused";
      readonly step: "login" | "provider" | "callback";
      readonly answer: Answer;
    }
);

/** Whether a URL is on this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/**
 * Signs in without a person. Goes through with it only if both the site and its provider are on
 * this machine, as the first user that the provider offers. So a remote site can't direct this
 * program to a local server.
 *
 * @param complete - if false, only asks the site's /login
 */
export async function signIn(client: Client, site: URL, complete: boolean): Promise<SignIn> {
  const visitor = new Visitor(client);
  const login = await visitor.ask(new URL("/login", site));
  const authorization = login.location;
  if (authorization === undefined) {
    return { login, outcome: "refused", step: "login", answer: login };
  }
  if (!complete || !isLoopback(site) || !isLoopback(authorization)) {
    return { login, outcome: "elsewhere", provider: authorization.host };
  }
  const atProvider = await passProvider(visitor, authorization);
  if (atProvider.location?.origin !== site.origin) {
    return { login, outcome: "refused", step: "provider", answer: atProvider };
  }
  const callback = await visitor.ask(atProvider.location);
  const cookie = callback.setCookies.find(({ name, value }) => isCredential(name) && value !== "");
  return callback.status === 303 && cookie !== undefined
    ? { login, outcome: "signed_in", callback, cookie, visitor }
    : { login, outcome: "refused", step: "callback", answer: callback };
}

/** Goes through the provider's pages until an answer redirects back or shows no user to choose. */
async function passProvider(visitor: Visitor, { href, origin }: URL): Promise<Answer> {
  let answer = await visitor.ask(new URL(href));
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const next = answer.location;
    if (next !== undefined) {
      if (next.origin !== origin) return answer;
      answer = await visitor.ask(next);
      continue;
    }
    const [, user] = /name="user" value="([\w.@-]+)"/.exec(answer.body) ?? [];
    if (user === undefined) return answer;
    answer = await visitor.ask(answer.url, new URLSearchParams({ user }));
  }
  return answer;
}
