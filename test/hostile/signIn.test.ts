import type { RequestListener } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { ada, grace, type LocalUser } from "../local/identity/users.ts";
import { startIdentityProvider } from "../local/identityProvider.ts";
import { Browser } from "../support/browser.ts";
import { type RunningServer, serve } from "../support/httpServer.ts";
import { answer, answerOfProvider, attemptCookies, signIn } from "../support/signIn.ts";
import { createTarget, type Target } from "./target.ts";

const CLIENT = { clientId: "phoenix", clientSecret: "a secret of the tests" };

let provider: Awaited<ReturnType<typeof startIdentityProvider>>;
let site: RunningServer;
/** Two instances that share only the keys. The test chooses which one answers. */
let instances: readonly [Target, Target];
let answering = 0;

beforeAll(async () => {
  provider = await startIdentityProvider({ port: 0, ...CLIENT });
  const oidc = { issuer: new URL(provider.issuer), ...CLIENT };
  instances = [createTarget({ oidc }), createTarget({ oidc })];
  const listener: RequestListener = (req, res) => instances[answering]?.app(req, res);
  site = await serve(listener);
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await provider.close();
});
beforeEach(() => {
  answering = 0;
});

/** The user that the service sees; undefined without a session. */
async function whoIs(browser: Browser): Promise<string | undefined> {
  const { status } = await browser.fetch("/api/note");
  if (status !== 200) return undefined;
  const page = await (await browser.fetch("/notes")).text();
  return /<p class="user" title="([^"]*)"/.exec(page)?.[1];
}

async function expectRefused(browser: Browser, callback: string): Promise<void> {
  const response = await browser.fetch(callback);
  expect(response.status).toBe(400);
  expect(response.headers.getSetCookie().filter((line) => line.startsWith("session="))).toEqual([]);
}

/** Expects that the code is refused and the browser's own sign-in starts again. */
async function expectBegunAgain(browser: Browser, callback: string): Promise<void> {
  const response = await browser.fetch(callback);
  expect(response.status).toBe(302);
  expect(response.headers.get("location")).toContain(`${provider.issuer}/auth?`);
  expect(response.headers.getSetCookie().filter((line) => line.startsWith("session="))).toEqual([]);
}

/** A callback URL with the code of another. */
function withCodeOf(callback: string, other: string): string {
  const url = new URL(callback);
  url.searchParams.set("code", new URL(other).searchParams.get("code") ?? "");
  return url.href;
}

/** A callback URL with the state of another. */
function withStateOf(callback: string, other: string): string {
  const url = new URL(callback);
  url.searchParams.set("state", new URL(other).searchParams.get("state") ?? "");
  return url.href;
}

test("a used callback is refused by another instance too, even with its cookie", async () => {
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada);
  const thief = browser.clone();
  expect((await browser.fetch(callback)).status).toBe(303);
  answering = 1;
  await expectBegunAgain(thief, callback);
  expect(await whoIs(thief)).toBeUndefined();
  expect(await whoIs(browser)).toBe(ada.email);
});

test("two instances that get the same callback concurrently sign in at most once", async () => {
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada);
  const twins = Array.from({ length: 6 }, () => browser.clone());
  const statuses = await Promise.all(
    twins.map(async (twin, index) => {
      answering = index % 2;
      return (await twin.fetch(callback)).status;
    }),
  );
  expect(statuses.filter((status) => status === 303).length).toBeLessThanOrEqual(1);
});

// ASVS 7.6.2
test("another user's callback link signs nobody in as that user, and harms no other sign-in", async () => {
  const attacker = new Browser(site.url);
  const bait = await answerOfProvider(attacker, grace);
  const idle = new Browser(site.url);
  await expectRefused(idle, bait);
  expect(await whoIs(idle)).toBeUndefined();

  const underWay = new Browser(site.url);
  const own = await answerOfProvider(underWay, ada);
  await expectRefused(underWay, bait);
  expect((await underWay.fetch(own)).status).toBe(303);
  expect(await whoIs(underWay)).toBe(ada.email);
});

test("another user's callback link does not change who is signed in", async () => {
  const bait = await answerOfProvider(new Browser(site.url), grace);
  const victim = await signIn(site.url, ada);
  const before = victim.cookies.get("session");
  const response = await victim.fetch(bait);
  expect([response.status, response.headers.get("location")]).toEqual([303, "/"]);
  expect(response.headers.getSetCookie()).toEqual([]);
  expect(victim.cookies.get("session")).toBe(before);
  expect(await whoIs(victim)).toBe(ada.email);
});

// ASVS 3.3.3
test("a sibling domain can neither plant a sign-in attempt nor disturb one in progress", async () => {
  const oidc = { issuer: new URL(provider.issuer), ...CLIENT };
  await using https = await serve(createTarget({ oidc, cookieSecure: true }).app);
  const headers = { "x-forwarded-proto": "https" };
  const attacker = new Browser(https.url, { headers });
  const bait = await answerOfProvider(attacker, grace);
  const victim = new Browser(https.url, { headers });
  const own = await answerOfProvider(victim, ada);
  // A browser accepts any name from a sibling domain, except those that begin with __Host-.
  for (const [name, token] of attemptCookies(attacker)) {
    expect(name).toMatch(/^__Host-/);
    for (const prefix of ["__Secure-", "", "__host-"]) {
      victim.cookies.set(name.replace("__Host-", prefix), token);
    }
  }
  expect((await victim.fetch(bait)).status).toBe(400);
  expect((await victim.fetch(own)).status).toBe(303);
});

test("another user's attempt cookie does not make their callback valid here", async () => {
  const [one, other] = [new Browser(site.url), new Browser(site.url)];
  const ownCallback = await answerOfProvider(one, ada);
  await answerOfProvider(other, grace);
  const mixed = new Browser(site.url);
  const [[name = ""] = []] = [...attemptCookies(one)];
  const [[, token = ""] = []] = [...attemptCookies(other)];
  mixed.cookies.set(name, token);
  await expectRefused(mixed, ownCallback);
});

test("a code with the state of another sign-in is refused", async () => {
  const attacker = await answerOfProvider(new Browser(site.url), grace);
  const victim = new Browser(site.url);
  const own = await answerOfProvider(victim, ada);
  await expectBegunAgain(victim.clone(), withCodeOf(own, attacker));
  await expectBegunAgain(victim.clone(), withStateOf(attacker, own));
  expect(await whoIs(victim)).toBeUndefined();
});

/** A browser with two sign-ins in progress, for different users. */
async function twoTabs(): Promise<{ browser: Browser; callbacks: [string, string] }> {
  const browser = new Browser(site.url);
  const first = await answer(browser, await browser.follow("/login?returnTo=/?1"), ada);
  // Two browsers, because the provider remembers one user for each.
  const elsewhere = new Browser(site.url);
  const second = await answer(elsewhere, await elsewhere.follow("/login?returnTo=/?2"), grace);
  for (const [name, token] of attemptCookies(elsewhere)) {
    browser.cookies.set(name, token);
  }
  return { browser, callbacks: [first, second] };
}

test("callbacks that are swapped between tabs sign nobody in as another user", async () => {
  const { browser, callbacks } = await twoTabs();
  const [first, second] = callbacks;
  for (const mixed of [withCodeOf(first, second), withCodeOf(second, first)]) {
    const twin = browser.clone();
    await expectBegunAgain(twin, mixed);
    expect(await whoIs(twin)).toBeUndefined();
  }
});

test("each tab's callback works, in any order and on any instance", async () => {
  const { browser, callbacks } = await twoTabs();
  const [first, second] = callbacks;
  answering = 1;
  expect((await browser.fetch(second)).headers.get("location")).toBe("/?2");
  expect(await whoIs(browser)).toBe(grace.email);
  answering = 0;
  expect((await browser.fetch(first)).headers.get("location")).toBe("/?1");
  expect(await whoIs(browser)).toBe(ada.email);
});

// ASVS 7.2.4
test("sign-in does not reuse a planted session", async () => {
  const attacker = await signIn(site.url, grace);
  const planted = attacker.cookies.get("session") ?? "";
  const plantedToken = await attacker.csrfToken();
  const victim = new Browser(site.url);
  victim.cookies.set("session", planted);
  await victim.fetch(await answerOfProvider(victim, ada));
  expect(await whoIs(victim)).toBe(ada.email);
  expect(victim.cookies.get("session")).not.toBe(planted);
  // Sign-in ends the planted session, of which the attacker has a copy.
  expect(await whoIs(attacker)).toBeUndefined();
  const headers = { "x-csrf-token": plantedToken, "content-type": "application/json" };
  const response = await victim.fetch("/api/note", { method: "PUT", headers, body: "{}" });
  expect(response.status).toBe(403);
});

// ASVS 7.2.4
test("signing in again changes session, CSRF token and lifetime, and ends no other user's session", async () => {
  const visitor = await signIn(site.url, ada);
  const [session, token] = [visitor.cookies.get("session"), await visitor.csrfToken()];
  await visitor.fetch(await answerOfProvider(visitor, ada));
  expect(visitor.cookies.get("session")).not.toBe(session);
  expect(await visitor.csrfToken()).not.toBe(token);
});

test("made-up callbacks start nothing, and don't disturb the sign-in in progress", async () => {
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada);
  const state = new URL(callback).searchParams.get("state") ?? "";
  const forged = [
    "state=",
    "state=undefined&code=1",
    `state=${state.slice(0, -1)}&code=1`,
    `state=${state}A&code=1`,
    `state=${state.toLowerCase()}&code=1`,
    `state=__proto__&code=1`,
    `State=${state}&code=1`,
    `state[]=${state}&code=1`,
  ];
  for (const query of forged) await expectRefused(browser, `/login/callback?${query}`);
  expect((await browser.fetch(callback)).status).toBe(303);
  expect(await whoIs(browser)).toBe(ada.email);
});

test("a callback that is posted from another origin is refused without a call to the provider", async () => {
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada);
  for (const method of ["POST", "PUT", "DELETE"]) {
    expect((await browser.fetch(callback, { method })).status).toBe(403);
  }
  expect((await browser.fetch(callback)).status).toBe(303);
});

test("many concurrent sign-ins through two instances never mix users", async () => {
  const crowd = Array.from({ length: 12 }, (_, index): LocalUser => (index % 2 ? ada : grace));
  const browsers = await Promise.all(
    crowd.map(async (user, index) => {
      const browser = new Browser(site.url);
      const callback = await answerOfProvider(browser, user);
      answering = index % 2;
      await browser.fetch(callback);
      return browser;
    }),
  );
  for (const [index, browser] of browsers.entries()) {
    expect(await whoIs(browser)).toBe(crowd[index]?.email);
  }
});
