import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ada, grace, type LocalUser } from "../../local/identity/users.ts";
import { Browser, type Landing } from "../../support/browser.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { answerOfProvider, attemptCookies } from "../../support/signIn.ts";
import { application, startProvider } from "./application.ts";

const USERS = [ada, grace];
const TABS = 4;

let provider: Awaited<ReturnType<typeof startProvider>>;
let site: RunningServer;
/** Instances that answer the next requests, in a cycle. */
let route: { readonly instances: readonly number[]; requests: number };
beforeAll(async () => {
  provider = await startProvider(0, "keycloak");
  // Each has its own list of ended sessions, and never learns of the other's.
  const apps = [1, 2].map(() => application({ oidc: provider.oidc }).app);
  site = await serve((req, res) => {
    const { instances, requests } = route;
    route.requests += 1;
    apps[instances[requests % instances.length] ?? 0]?.(req, res);
  });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await provider.close();
});

/** A response of the site that the browser has not received yet. */
interface Flight {
  readonly landing: Landing;
  /** The provider's user, if it is a callback. */
  readonly who: LocalUser | undefined;
  /** Whether the code was sent before. */
  readonly used: boolean;
  /** The signed-in user when the request was sent. */
  readonly sentAs: string | undefined;
  /** Whether that session may have ended already. */
  readonly unsure: boolean;
}

interface Tab {
  readonly returnTo: string;
  /** The next request; undefined: the tab is done or was cancelled. */
  next: string | undefined;
  /** The provider's page, on which a user is chosen. */
  form: string | undefined;
  who: LocalUser | undefined;
  flight: Flight | undefined;
  lastCallback: string | undefined;
  /** Whether a callback was cancelled or repeated since the sign-in began. */
  disturbed: boolean;
  cancelled: boolean;
}

/** A browser with several tabs, and its expected state. */
class Scene {
  readonly browser = new Browser(site.url);
  readonly tabs = Array.from(
    { length: TABS },
    (_, index): Tab => ({
      returnTo: `/page?tab=${index}`,
      next: undefined,
      form: undefined,
      who: undefined,
      flight: undefined,
      lastCallback: undefined,
      disturbed: false,
      cancelled: false,
    }),
  );
  /** The last user who signed in. */
  expected: string | undefined;
  /**
   * Whether that session may have ended: signing in again ends the earlier session, even if the
   * browser never receives the response.
   */
  unsure = false;
  remembered: LocalUser | undefined;
  readonly sentCodes = new Set<string>();

  tab(index: number): Tab {
    return this.tabs[index] as Tab;
  }

  begin(tab: Tab, otherAccount: boolean): void {
    tab.form = undefined;
    if (tab.flight !== undefined || attemptCookies(this.browser).size >= 4) return;
    const prompt = otherAccount ? { prompt: "select_account" } : {};
    tab.next = `/login?${new URLSearchParams({ returnTo: tab.returnTo, ...prompt })}`;
    Object.assign(tab, { form: undefined, disturbed: false, cancelled: false });
  }

  async send(tab: Tab): Promise<Flight | undefined> {
    if (tab.next === undefined || tab.flight !== undefined) return undefined;
    const code = codeIn(tab.next);
    const flight = {
      landing: await this.browser.send(tab.next),
      who: code === undefined ? undefined : tab.who,
      used: code !== undefined && this.sentCodes.has(code),
      sentAs: this.expected,
      unsure: this.unsure,
    };
    if (startsSession(flight.landing)) this.unsure = true;
    if (code !== undefined) {
      this.sentCodes.add(code);
      tab.lastCallback = tab.next;
    }
    return flight;
  }

  /** The browser receives the response and follows it. */
  async receive(tab: Tab, { landing, who, used, sentAs, unsure }: Flight): Promise<void> {
    const { response, url } = landing;
    this.browser.receive(landing);
    const text = await response.text();
    const location = response.headers.get("location");
    const cancelledPage =
      tab.cancelled && response.status === 403 && (unsure || sentAs === undefined);
    if (response.status >= 400 && !cancelledPage) {
      throw new Error(`${url.pathname} answered ${response.status}: ${text.slice(-400)}`);
    }
    if (startsSession(landing)) {
      expect(used).toBe(false);
      this.expected = who?.sub;
      this.unsure = false;
    } else if (who !== undefined && !used && !tab.cancelled) {
      expect(sentAs).toBe(who.sub);
    }
    await this.check();
    tab.next = location === null ? undefined : new URL(location, url).href;
    if (tab.next === undefined && !cancelledPage) {
      expect(`${url.pathname}${url.search}`).toBe(tab.returnTo);
    }
    if (tab.next?.startsWith(provider.issuer)) await this.#askProvider(tab, tab.next);
  }

  /** The provider answers at once, because it is not under test. */
  async #askProvider(tab: Tab, url: string): Promise<void> {
    const { pathname } = new URL("/login/callback", this.browser.site);
    const landing = await this.browser.follow(url, {}, (target) => target.pathname === pathname);
    if (landing.url.pathname === pathname) {
      tab.next = landing.url.href;
      tab.who = this.remembered;
    } else {
      tab.next = undefined;
      tab.form = landing.url.href;
    }
  }

  async choose(tab: Tab, user: LocalUser | "cancel"): Promise<void> {
    if (tab.form === undefined) return;
    const body = new URLSearchParams(user === "cancel" ? { cancel: "1" } : { user: user.id });
    let landing = await this.browser.follow(tab.form, { method: "POST", body }, isCallback);
    if (!isCallback(landing.url)) landing = await this.#switchAccount(landing);
    if (!isCallback(landing.url)) {
      // The provider discards this tab's sign-in when another tab chooses another account.
      this.begin(tab, false);
      return;
    }
    tab.next = landing.url.href;
    tab.form = undefined;
    tab.cancelled = user === "cancel";
    tab.who = user === "cancel" ? undefined : user;
    if (user !== "cancel") this.remembered = user;
  }

  /** If another user is chosen than before, the provider's page submits a form automatically. */
  async #switchAccount({ url, response }: Landing): Promise<Landing> {
    const page = await response.text();
    const [, action = ""] = /<form[^>]*action="([^"]*)"/.exec(page) ?? [];
    const fields = [...page.matchAll(/<input[^>]*name="([^"]*)" value="([^"]*)"/g)];
    const body = new URLSearchParams();
    for (const [, name = "", value = ""] of fields) body.append(name, value);
    const target = new URL(action, url).href;
    return await this.browser.follow(target, { method: "POST", body }, isCallback);
  }

  /** The user stops waiting or clicks again, which repeats the request. */
  async disturb(tab: Tab, keepCookies: boolean): Promise<void> {
    if (tab.disturbed || tab.flight !== undefined) return;
    const flight = await this.send(tab);
    if (flight === undefined) return;
    const { landing, who } = flight;
    if (codeIn(tab.next ?? "") !== undefined) tab.disturbed = true;
    await landing.response.body?.cancel();
    if (!keepCookies) return;
    this.browser.receive(landing);
    if (startsSession(landing)) {
      this.expected = who?.sub;
      this.unsure = false;
    }
    await this.check();
  }

  async prefetch(tab: Tab, request: { method?: string; headers?: Record<string, string> }) {
    if (tab.next === undefined) return;
    const response = await this.browser.fetch(tab.next, request);
    expect(response.headers.getSetCookie()).toEqual([]);
    await response.body?.cancel();
  }

  async signOut(): Promise<void> {
    const { csrf_token } = await this.#session();
    if (csrf_token === undefined) return;
    const body = new URLSearchParams({ _csrf: csrf_token });
    // Browsers send it. The session may have ended at the instance that answers, and its token with
    // it.
    const headers = { "sec-fetch-site": "same-origin" };
    const response = await this.browser.fetch("/logout", { method: "POST", headers, body });
    expect(response.status).toBe(303);
    Object.assign(this, { expected: undefined, unsure: false });
    await this.check();
  }

  async check(): Promise<void> {
    const { user_id } = await this.#session();
    if (!this.unsure || user_id !== undefined) expect(user_id).toBe(this.expected);
  }

  /** Continues every tab until it is done. */
  async finish(): Promise<void> {
    for (const tab of this.tabs) {
      for (let hop = 0; tab.next !== undefined || tab.form !== undefined || tab.flight; hop++) {
        if (hop > 20) throw new Error(`${tab.next ?? tab.form} leads nowhere.`);
        await this.choose(tab, ada);
        const flight = tab.flight ?? (await this.send(tab));
        tab.flight = undefined;
        if (flight !== undefined) await this.receive(tab, flight);
      }
    }
  }

  async #session(): Promise<{ user_id?: string; csrf_token?: string }> {
    return (await (await this.browser.fetch("/session")).json()) as object;
  }
}

function isCallback({ pathname }: URL): boolean {
  return pathname === "/login/callback";
}

function startsSession({ response }: Landing): boolean {
  return response.headers.getSetCookie().some((line) => /^session=[^;]/.test(line));
}

function codeIn(url: string): string | undefined {
  const { pathname, searchParams } = new URL(url, site.url);
  return pathname === "/login/callback" ? (searchParams.get("code") ?? undefined) : undefined;
}

type Step = (scene: Scene) => void | Promise<void>;

/** An event in one tab; a counterexample shows its name. */
function inTab(name: string, act: (scene: Scene, tab: Tab) => void | Promise<void>) {
  return fc.nat(TABS - 1).map((index) => {
    const step: Step = (scene) => act(scene, scene.tab(index));
    return Object.assign(step, { toString: () => `${name} in tab ${index}` });
  });
}

/** The four steps of a complete sign-in, as far as they are possible. */
function wholly(user: LocalUser, otherAccount: boolean) {
  const name = `sign in as ${user.id}${otherAccount ? " with another account" : ""}`;
  return inTab(name, async (scene, tab) => {
    scene.begin(tab, otherAccount);
    for (let hop = 0; hop < 2; hop++) {
      const flight = await scene.send(tab);
      if (flight !== undefined) await scene.receive(tab, flight);
      await scene.choose(tab, user);
    }
  });
}

const next = inTab("next", async (scene, tab) => {
  const flight = await scene.send(tab);
  if (flight !== undefined) await scene.receive(tab, flight);
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: inTab("begin", (scene, tab) => scene.begin(tab, false)) },
  inTab("begin with another account", (scene, tab) => scene.begin(tab, true)),
  { weight: 6, arbitrary: next },
  ...USERS.map((user) => ({
    weight: 2,
    arbitrary: inTab(`choose ${user.id}`, (scene, tab) => scene.choose(tab, user)),
  })),
  ...USERS.flatMap((user) => [wholly(user, false), wholly(user, true)]),
  inTab("cancel at the provider", (scene, tab) => scene.choose(tab, "cancel")),
  inTab("send slowly", async (scene, tab) => {
    tab.flight ??= await scene.send(tab);
  }),
  inTab("receive late", async (scene, tab) => {
    const { flight } = tab;
    tab.flight = undefined;
    if (flight !== undefined) await scene.receive(tab, flight);
  }),
  inTab("give up waiting", (scene, tab) => scene.disturb(tab, false)),
  inTab("click twice", (scene, tab) => scene.disturb(tab, true)),
  inTab("prefetch", (scene, tab) =>
    scene.prefetch(tab, { headers: { "sec-purpose": "prefetch" } }),
  ),
  inTab("look ahead", (scene, tab) => scene.prefetch(tab, { method: "HEAD" })),
  inTab("go back to the way back", (_scene, tab) => {
    if (tab.flight !== undefined || tab.disturbed || tab.lastCallback === undefined) return;
    Object.assign(tab, { next: tab.lastCallback, form: undefined, disturbed: true });
  }),
  fc.constant(Object.assign((scene: Scene) => scene.signOut(), { toString: () => "sign out" })),
);

const steps = fc.array(step, { minLength: 5, maxLength: 40 });
const routes = fc.array(fc.nat(1), { minLength: 1, maxLength: 6 });

test("in any sequence the last user who signed in is signed in, and every tab gets to its page", async () => {
  await fc.assert(
    fc.asyncProperty(steps, routes, async (sequence, instances) => {
      route = { instances, requests: 0 };
      const scene = new Scene();
      for (const step of sequence) await step(scene);
      await scene.finish();
    }),
    { numRuns: 50 },
  );
}, 120_000);

test("signing in again replaces an ended session, even at an instance that doesn't know of its end", async () => {
  const browser = new Browser(site.url);
  const at = (instance: number) => {
    route = { instances: [instance], requests: 0 };
  };
  at(0);
  await browser.fetch(await answerOfProvider(browser, ada, "/page"));
  at(1);
  const headers = { "sec-fetch-site": "same-origin" };
  const { response } = await browser.send("/logout", { method: "POST", headers });
  expect(response.status).toBe(303);
  expect((await browser.fetch("/page")).status).toBe(302);
  const callback = await browser.follow("/login?returnTo=/page", {}, isCallback);
  at(0);
  expect((await browser.fetch("/page")).status).toBe(200);
  await browser.fetch(callback.url.href);
  at(1);
  expect((await browser.fetch("/page")).status).toBe(200);
});
