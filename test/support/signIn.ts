import { ada, type LocalUser } from "../local/identity/users.ts";
import { Browser, type BrowserOptions, type Landing } from "./browser.ts";

interface SignInOptions extends BrowserOptions {
  /** Path of the redirect after sign-in. */
  readonly returnTo?: string;
}

/** The browser of a signed-in user. */
export class Visitor extends Browser {
  /** The CSRF token of a page. */
  async csrfToken(path = "/"): Promise<string> {
    const { response } = await this.follow(path);
    const token = csrfTokenIn(await response.text());
    if (token === undefined) {
      throw new Error(`There is no CSRF token in ${path} (status ${response.status}).`);
    }
    return token;
  }
}

/** The CSRF token in a page, of a form or for scripts. */
export function csrfTokenIn(page: string): string | undefined {
  return /name="(?:_csrf|csrf-token)" (?:value|content)="([\w-]+)"/.exec(page)?.[1];
}

/**
 * Signs in at a site as a user of the local provider, through all redirects, and returns the
 * browser with the session.
 * @throws Error if the site refuses; its message is the status and what the page says.
 */
export async function signIn(
  site: string,
  user: LocalUser = ada,
  { returnTo, ...options }: SignInOptions = {},
): Promise<Visitor> {
  const visitor = new Visitor(site, options);
  const response = await visitor.fetch(await answerOfProvider(visitor, user, returnTo));
  if (response.status !== 303) {
    throw new Error(`Sign-in ended with ${response.status}: ${plainText(await response.text())}`);
  }
  return visitor;
}

/**
 * Starts a sign-in at the site, and answers the provider's page. The site's callback is not
 * requested yet.
 */
export async function answerOfProvider(
  browser: Browser,
  user: LocalUser | "cancel",
  returnTo?: string,
): Promise<string> {
  const query = returnTo === undefined ? "" : `?${new URLSearchParams({ returnTo })}`;
  return answer(browser, await browser.follow(`/login${query}`), user);
}

/** A browser's sign-in cookies, by name. */
export function attemptCookies({ cookies }: Browser): Map<string, string> {
  return new Map([...cookies].filter(([name]) => /^(?:__Host-)?sign-in-/.test(name)));
}

/** Chooses a user on the provider's page, and returns the callback URL. */
export async function answer(
  browser: Browser,
  { url, response }: Landing,
  user: LocalUser | "cancel",
): Promise<string> {
  if (url.origin === browser.site || response.status !== 200) {
    throw new Error(`No sign-in page at ${url.origin}${url.pathname}: status ${response.status}.`);
  }
  await response.body?.cancel();
  const body =
    user === "cancel"
      ? new URLSearchParams({ cancel: "cancel" })
      : new URLSearchParams({ user: user.id });
  const callback = await browser.follow(url.href, { method: "POST", body }, (location) =>
    location.pathname.startsWith("/login/callback"),
  );
  if (!callback.url.pathname.startsWith("/login/callback")) {
    throw new Error(`The provider did not send the browser back: ${callback.response.status}.`);
  }
  return callback.url.href;
}

function plainText(page: string): string {
  return page
    .replace(/^[\s\S]*<body>/, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}
