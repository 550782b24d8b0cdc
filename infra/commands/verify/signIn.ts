import { type Answer, type Client, isCredential, Jar, type SetCookie } from "./client.ts";

/** Most requests to the provider in one sign-in, which takes about five. */
const MAX_STEPS = 12;

/** The result of an attempt to sign in. */
export type SignIn =
  | { readonly outcome: "signed_in"; readonly callback: Answer }
  /** The site redirects to a provider at which this program does not sign in. */
  | { readonly outcome: "elsewhere"; readonly provider: string }
  | {
      readonly outcome: "refused";
      readonly step: "login" | "provider" | "callback";
      readonly answer: Answer;
    };

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
export async function signIn(
  client: Client,
  site: URL,
  complete: boolean,
): Promise<{ readonly login: Answer; readonly signIn: SignIn }> {
  const jars = new Map<string, Jar>();
  const login = await step(new URL("/login", site));
  return { login, signIn: await goOn() };

  async function goOn(): Promise<SignIn> {
    const authorization = login.location;
    if (authorization === undefined) return { outcome: "refused", step: "login", answer: login };
    if (!complete || !isLoopback(site) || !isLoopback(authorization)) {
      return { outcome: "elsewhere", provider: authorization.host };
    }
    const atProvider = await passProvider(authorization);
    const callback = atProvider.location;
    if (callback?.origin !== site.origin) {
      return { outcome: "refused", step: "provider", answer: atProvider };
    }
    const answer = await step(callback);
    const signedIn = answer.status === 303 && credentialOf(answer) !== undefined;
    return signedIn
      ? { outcome: "signed_in", callback: answer }
      : { outcome: "refused", step: "callback", answer };
  }

  /**
   * Goes through the provider's pages until an answer redirects back or shows no user to choose.
   */
  async function passProvider({ href, origin }: URL): Promise<Answer> {
    let answer = await step(new URL(href));
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const next = answer.location;
      if (next !== undefined) {
        if (next.origin !== origin) return answer;
        answer = await step(next);
        continue;
      }
      const [, user] = /name="user" value="([\w.@-]+)"/.exec(answer.body) ?? [];
      if (user === undefined) return answer;
      answer = await step(answer.url, new URLSearchParams({ user }));
    }
    return answer;
  }

  async function step(url: URL, body?: URLSearchParams): Promise<Answer> {
    const jar = jars.get(url.origin) ?? new Jar();
    jars.set(url.origin, jar);
    const request = { cookie: jar.header, ...(body !== undefined && { method: "POST", body }) };
    const answer = await client.ask(url, request);
    jar.keep(answer, client.now());
    return answer;
  }
}

/** The credential cookie that an answer sets. */
export function credentialOf({ setCookies }: Answer): SetCookie | undefined {
  return setCookies.find(({ name, value }) => isCredential(name) && value !== "");
}
