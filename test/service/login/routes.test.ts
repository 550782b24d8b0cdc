import type { RequestListener } from "node:http";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ada, grace, mallory } from "../../local/identity/users.ts";
import { Browser } from "../../support/browser.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { answer, answerOfProvider, attemptCookies, signIn } from "../../support/signIn.ts";
import { type ApplicationOptions, application, CLIENT, startProvider } from "./application.ts";

let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(async () => {
  await provider.close();
});

type Lines = Record<string, unknown>[];

/** A running instance and its log. */
async function start(
  options: Partial<ApplicationOptions> = {},
): Promise<RunningServer & { readonly lines: Lines }> {
  const { app, lines } = application({ oidc: provider.oidc, ...options });
  return { ...(await serve(app)), lines };
}

/** Names of the site's cookies, without those of sign-ins. */
function sessionCookies(browser: Browser): string[] {
  const attempts = attemptCookies(browser);
  return [...browser.cookies.keys()].filter((name) => !attempts.has(name));
}

async function sessionOf(browser: Browser): Promise<Record<string, unknown>> {
  const response = await browser.fetch("/session");
  return (await response.json()) as Record<string, unknown>;
}

/** Checks a refused sign-in; returns the text of its page. */
async function expectRefusal(browser: Browser, response: Response, status: number) {
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toContain("text/html");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await sessionOf(browser)).not.toHaveProperty("id_token");
  return await response.text();
}

test("signing in starts a session and returns to the requested page", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const turned = await browser.fetch("/page?a=1");
  expect(turned.status).toBe(302);
  const landing = await browser.follow("/page?a=1");
  const back = await browser.fetch(await answer(browser, landing, ada));
  expect(back.status).toBe(303);
  expect(back.headers.get("location")).toBe("/page?a=1");
  expect(back.headers.get("cache-control")).toBe("no-store");
  expect(await sessionOf(browser)).toEqual({
    user_id: ada.sub,
    user_email: ada.email,
    csrf_token: expect.stringMatching(/^[\w-]{43}$/),
    id_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
  });
  expect(sessionCookies(browser)).toEqual(["session"]);
  expect(site.lines).toContainEqual(expect.objectContaining({ event: "signed_in" }));
});

// ASVS 11.5.1
test("the redirect to the provider has PKCE, state and nonce, new each time", async () => {
  await using site = await start();
  const seen = new Set<string | null>();
  for (const _ of [1, 2]) {
    const response = await fetch(`${site.url}/login`, { redirect: "manual" });
    const url = new URL(response.headers.get("location") ?? "");
    const cookie = response.headers.getSetCookie().join();
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(url.origin).toBe(provider.issuer);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: CLIENT.clientId,
      response_type: "code",
      scope: "openid email profile",
      redirect_uri: `${site.url}/login/callback`,
      code_challenge_method: "S256",
    });
    expect(url.searchParams.has("prompt")).toBe(false);
    for (const name of ["state", "nonce", "code_challenge"]) {
      const value = url.searchParams.get(name);
      expect(value).toMatch(/^[\w-]{43}$/);
      expect(cookie).not.toContain(value);
      seen.add(value);
    }
  }
  expect(seen.size).toBe(6);
});

test("a callback works on an instance that did not begin the sign-in", async () => {
  const instances: RequestListener[] = [application({ oidc: provider.oidc }).app];
  await using site = await serve((req, res) => instances[0]?.(req, res));
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, grace, "/page");
  instances[0] = application({ oidc: provider.oidc }).app;
  const response = await browser.fetch(callback);
  expect(response.headers.get("location")).toBe("/page");
  expect(await sessionOf(browser)).toHaveProperty("user_email", grace.email);
});

// ASVS 9.2.3
test("a sign-in of another environment or key does not continue", async () => {
  for (const other of [
    { environment: "dev" },
    { secret: "another secret of 32 characters or more" },
  ]) {
    const instances: RequestListener[] = [application({ oidc: provider.oidc }).app];
    await using site = await serve((req, res) => instances[0]?.(req, res));
    const browser = new Browser(site.url);
    const callback = await answerOfProvider(browser, ada);
    instances[0] = application({ oidc: provider.oidc, ...other }).app;
    await expectRefusal(browser, await browser.fetch(callback), 400);
  }
});

// ASVS 9.2.2
test("a session's token is not accepted as a sign-in, nor a sign-in's as a session", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada);
  const [[name = "", inTransit = ""] = []] = [...attemptCookies(browser)];
  browser.cookies.set(
    "session",
    Buffer.from(JSON.stringify({ sealed: inTransit })).toString("base64"),
  );
  expect(await sessionOf(browser)).toEqual({});
  const signedIn = (await signIn(site.url)).cookies.get("session") ?? "";
  const { sealed } = JSON.parse(Buffer.from(signedIn, "base64").toString());
  browser.cookies.clear();
  browser.cookies.set(name, sealed);
  await expectRefusal(browser, await browser.fetch(callback), 400);
});

test("two tabs that sign in concurrently both get to their pages", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const first = await browser.follow("/login?returnTo=/page?tab=1");
  const second = await browser.follow("/login?returnTo=/page?tab=2");
  const [callback1, callback2] = [
    await answer(browser, first, ada),
    await answer(browser, second, ada),
  ];
  expect((await browser.fetch(callback1)).headers.get("location")).toBe("/page?tab=1");
  expect((await browser.fetch(callback2)).headers.get("location")).toBe("/page?tab=2");
});

test("a callback without its sign-in is refused, and so is one with another's state", async () => {
  await using site = await start();
  const stolen = await answerOfProvider(new Browser(site.url), mallory);
  const stranger = new Browser(site.url);
  await expectRefusal(stranger, await stranger.fetch(stolen), 400);
  const victim = new Browser(site.url);
  await answerOfProvider(victim, ada);
  await expectRefusal(victim, await victim.fetch(stolen), 400);
  for (const query of ["", "?code=1", "?state=", "?state=x&code=y", "?error=access_denied"]) {
    await expectRefusal(victim, await victim.fetch(`/login/callback${query}`), 400);
  }
  expect(attemptCookies(victim).size).toBe(1);
});

test("a code works once, even with a restored cookie: the sign-in restarts", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada, "/page");
  const before = browser.clone();
  expect((await browser.fetch(callback)).status).toBe(303);
  const again = await before.fetch(callback);
  expect(again.status).toBe(302);
  expect(again.headers.get("location")).toContain(`${provider.issuer}/auth?`);
  expect(await sessionOf(before)).not.toHaveProperty("id_token");
  const landing = await before.follow(again.headers.get("location") ?? "");
  const back = await before.fetch(await answer(before, landing, ada));
  expect([back.status, back.headers.get("location")]).toEqual([303, "/page"]);
});

test("a repeated callback of a signed-in user redirects to its page and keeps the session", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada, "/page");
  await browser.fetch(callback);
  const before = await sessionOf(browser);
  const again = await browser.fetch(callback);
  expect([again.status, again.headers.get("location")]).toEqual([303, "/page"]);
  expect(await sessionOf(browser)).toEqual(before);
});

test("a repeated callback after signing out begins a new sign-in", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada, "/page");
  await browser.fetch(callback);
  browser.cookies.delete("session");
  const again = await browser.fetch(callback);
  expect(again.status).toBe(302);
  expect(again.headers.get("location")).toContain(`${provider.issuer}/auth?`);
});

test.each([
  ["one after the other", false],
  ["at the same moment", true],
])("eight tabs that sign in %s all get to their pages, in one session", async (_how, atOnce) => {
  await using site = await start();
  const browser = new Browser(site.url);
  const tabs = [1, 2, 3, 4, 5, 6, 7, 8].map((tab) => `/page?tab=${tab}`);
  const begin = (tab: string) => browser.follow(`/login?${new URLSearchParams({ returnTo: tab })}`);
  const landings = atOnce ? await Promise.all(tabs.map(begin)) : [];
  if (!atOnce) for (const tab of tabs) landings.push(await begin(tab));
  const callbacks = [];
  for (const landing of landings) callbacks.push(await answer(browser, landing, ada));
  const finish = async (callback: string) => {
    const response = await browser.fetch(callback);
    return response.headers.get("location");
  };
  const first = await finish(callbacks[0] ?? "");
  const { csrf_token } = await sessionOf(browser);
  const others = await Promise.all(callbacks.slice(1).map(finish));
  expect([first, ...others]).toEqual(tabs);
  expect(await sessionOf(browser)).toMatchObject({ csrf_token });
});

test("a session from before the attempt, or one of another account, is replaced by a new one", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  await browser.fetch(await answerOfProvider(browser, ada));
  const old = await sessionOf(browser);
  await browser.fetch(await answerOfProvider(browser, ada));
  const renewed = await sessionOf(browser);
  expect(renewed.csrf_token).not.toBe(old.csrf_token);
  const asked = await browser.follow("/login?prompt=select_account");
  const other = await browser.follow("/login");
  await browser.fetch(await answer(browser, other, ada));
  const kept = await sessionOf(browser);
  await browser.fetch(await answer(browser, asked, ada));
  expect((await sessionOf(browser)).csrf_token).not.toBe(kept.csrf_token);
});

test("cancelling in one tab does not affect the session from another", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const cancelled = await browser.follow("/login?prompt=select_account&returnTo=/page");
  await browser.fetch(await answerOfProvider(browser, ada));
  const back = await browser.fetch(await answer(browser, cancelled, "cancel"));
  expect([back.status, back.headers.get("location")]).toEqual([303, "/page"]);
  expect(await sessionOf(browser)).toMatchObject({ user_id: ada.sub });
});

const EARLY = [
  { "sec-purpose": "prefetch" },
  { "sec-purpose": "prefetch;prerender" },
  { purpose: "prefetch" },
  { "x-purpose": "preview" },
  { "x-moz": "prefetch" },
];

test("a prefetch of /login or of the callback begins and redeems nothing", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada, "/page");
  const attempts = new Map(attemptCookies(browser));
  for (const headers of EARLY) {
    for (const path of ["/login?returnTo=/page", callback]) {
      const response = await browser.fetch(path, { headers });
      expect([response.status, response.headers.get("cache-control")]).toEqual([503, "no-store"]);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(response.headers.has("location")).toBe(false);
    }
  }
  expect(attemptCookies(browser)).toEqual(attempts);
  expect((await browser.fetch(callback)).headers.get("location")).toBe("/page");
});

test("HEAD of /login or of the callback begins and redeems nothing", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada, "/page");
  for (const path of ["/login?returnTo=/page", callback]) {
    const response = await browser.fetch(path, { method: "HEAD" });
    expect([response.status, response.headers.getSetCookie()]).toEqual([200, []]);
    expect(response.headers.has("location")).toBe(false);
  }
  expect((await browser.fetch(callback)).headers.get("location")).toBe("/page");
});

// ASVS 9.2.1
test("a sign-in expires after ten minutes, by the server's clock", async () => {
  const time = { ahead: 0 };
  await using site = await start({ time });
  const browser = new Browser(site.url);
  const early = await answerOfProvider(browser, ada);
  const late = browser.clone();
  time.ahead = 598;
  expect((await browser.fetch(early)).status).toBe(303);
  time.ahead = 600;
  const page = await expectRefusal(late, await late.fetch(early), 400);
  expect(page).toContain("longer than ten minutes");
  expect(page).toContain('href="/login?returnTo=');
});

test("Cancel shows a page whose link keeps the requested path", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, "cancel", "/page");
  const page = await expectRefusal(browser, await browser.fetch(callback), 403);
  expect(page).toContain("cancelled");
  expect(page).toContain('href="/login?returnTo=%2Fpage"');
});

test("an unverified e-mail address is refused, even without an allow list", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, mallory);
  const page = await expectRefusal(browser, await browser.fetch(callback), 403);
  expect(page).toContain("not verified");
});

test("only users on the list may sign in, and others can choose another account", async () => {
  await using site = await start({ allowedUsers: ["ada@example.com"] });
  await expect(signIn(site.url, ada)).resolves.toBeDefined();
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, grace, "/page");
  const page = await expectRefusal(browser, await browser.fetch(callback), 403);
  const [, link = ""] = /href="(\/login[^"]*)"/.exec(page) ?? [];
  const again = await browser.fetch(link.replaceAll("&amp;", "&"));
  const query = new URL(again.headers.get("location") ?? "").searchParams;
  expect(link).toContain("returnTo=%2Fpage");
  expect(query.get("prompt")).toMatch(/^(?:select_account|login)$/);
  expect(JSON.stringify(site.lines)).not.toContain(grace.email);
});

// ASVS 7.2.4
test("sign-in keeps nothing of an earlier session", async () => {
  await using site = await start();
  const browser = new Browser(site.url);
  await browser.fetch("/plant", { method: "POST" });
  const planted = await sessionOf(browser);
  expect(planted).toMatchObject({ user_id: "mallory", note: "planted" });
  expect(sessionCookies(browser).length).toBe(2);
  await browser.fetch(await answerOfProvider(browser, ada));
  const session = await sessionOf(browser);
  expect(session).toMatchObject({ user_id: ada.sub });
  expect(session).not.toHaveProperty("note");
  expect(session.csrf_token).not.toBe(planted.csrf_token);
  expect(sessionCookies(browser).length).toBe(1);
});

// ASVS 11.5.1
test("each sign-in has a CSRF token of its own", async () => {
  await using site = await start();
  const [one, two] = [await signIn(site.url), await signIn(site.url)];
  expect((await sessionOf(one)).csrf_token).not.toBe((await sessionOf(two)).csrf_token);
});

test("signing out is a POST with the CSRF token, and ends the session", async () => {
  await using site = await start();
  const browser = await signIn(site.url);
  const { csrf_token } = await sessionOf(browser);
  expect((await browser.fetch("/logout")).status).toBe(404);
  expect((await browser.fetch("/logout", { method: "POST" })).status).toBe(403);
  expect(await sessionOf(browser)).toHaveProperty("id_token");
  const body = new URLSearchParams({ _csrf: String(csrf_token) });
  const response = await browser.fetch("/logout", { method: "POST", body });
  expect([response.status, response.headers.get("location")]).toEqual([303, "/signed-out"]);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(sessionCookies(browser).length).toBe(0);
});

test("the page after signing out says that the provider may remember the user, and links to another account", async () => {
  await using site = await start();
  const browser = await signIn(site.url);
  const { csrf_token } = await sessionOf(browser);
  const body = new URLSearchParams({ _csrf: String(csrf_token) });
  await browser.fetch("/logout", { method: "POST", body });
  const page = await (await browser.fetch("/signed-out")).text();
  expect(page).toContain("may still remember you");
  expect(page).toContain('href="/login?returnTo=%2F"');
  expect(page).toContain('href="/login?returnTo=%2F&amp;prompt=select_account"');
  expect(page).not.toContain("sign out at the provider");
});

test("the page after signing out links to the provider's sign-out page, without a token in the URL", async () => {
  await using keycloak = await startProvider(0, "keycloak");
  await using site = await start({ oidc: keycloak.oidc });
  const browser = await signIn(site.url, grace);
  const { csrf_token, id_token } = await sessionOf(browser);
  const body = new URLSearchParams({ _csrf: String(csrf_token) });
  const response = await browser.fetch("/logout", { method: "POST", body });
  expect(response.headers.get("location")).not.toContain("grace");
  const page = await (await browser.fetch("/signed-out")).text();
  const [, link = ""] = /href="(http[^"]*)"/.exec(page) ?? [];
  const url = new URL(link.replaceAll("&amp;", "&"));
  expect(Object.fromEntries(url.searchParams)).toEqual({
    client_id: CLIENT.clientId,
    logout_hint: grace.email,
    post_logout_redirect_uri: `${site.url}/signed-out`,
  });
  expect(link).not.toContain(String(id_token));
  // Until then the provider remembers the user, and asks afterwards.
  const remembered = await browser.follow("/login?returnTo=/page");
  expect(remembered.url.pathname).toBe("/page");
  const end = await browser.fetch(url.href);
  const form = await end.text();
  const [, xsrf = ""] = /name="xsrf" value="([^"]*)"/.exec(form) ?? [];
  const [, action = ""] = /action="([^"]*)"/.exec(form) ?? [];
  await browser.fetch(action, {
    method: "POST",
    body: new URLSearchParams({ xsrf, logout: "yes" }),
  });
  const asked = await browser.follow("/login?returnTo=/page&prompt=");
  expect(asked.url.pathname).toMatch(/^\/sign-in\//);
  await keycloak.close();
});

test("the page after signing out works without a provider, and redirects signed-in users", async () => {
  await using site = await start({ oidc: undefined });
  expect((await fetch(`${site.url}/signed-out`)).status).toBe(200);
  await using other = await start();
  const browser = await signIn(other.url);
  expect((await browser.fetch("/signed-out")).headers.get("location")).toBe("/");
});

test.each(["entra", "cognito", "okta", "keycloak"] as const)(
  "sign-in works with a provider that behaves like %s",
  async (name) => {
    await using other = await startProvider(0, name);
    await using site = await start({ oidc: other.oidc });
    const browser = await signIn(site.url, ada);
    expect(await sessionOf(browser)).toMatchObject({ user_id: ada.sub, user_email: ada.email });
    await other.close();
  },
);

test.each([
  [ada, undefined],
  [grace, "email_unstated"],
  [mallory, "email_missing"],
])(
  "with a provider that behaves like Microsoft the log names the missing claim",
  async (user, reason) => {
    await using entra = await startProvider(0, "entra");
    await using site = await start({ oidc: entra.oidc });
    const browser = new Browser(site.url);
    const response = await browser.fetch(await answerOfProvider(browser, user));
    expect(response.status).toBe(reason === undefined ? 303 : 403);
    expect(site.lines.at(-1)?.reason).toBe(reason);
    await entra.close();
  },
);

test("an issuer that differs from the provider's is an operator error", async () => {
  await using keycloak = await startProvider(0, "keycloak");
  const issuer = new URL(`${keycloak.issuer}/`);
  await using site = await start({ oidc: { ...keycloak.oidc, issuer } });
  const browser = new Browser(site.url);
  const response = await browser.fetch("/login");
  expect(response.headers.has("retry-after")).toBe(false);
  const page = await expectRefusal(browser, response, 502);
  expect(page).toContain("Tell whoever runs this service");
  expect(page).not.toContain(keycloak.issuer);
  expect(site.lines.at(-1)).toMatchObject({
    reason: "misconfigured",
    setting: "OIDC_ISSUER",
    configured: issuer.href,
    found: keycloak.issuer,
  });
  await keycloak.close();
});

test("signing out from the site's own pages needs no token, and redirects to the start page", async () => {
  await using site = await start();
  const stale = { method: "POST", body: new URLSearchParams({ _csrf: "stale" }) };
  for (const proof of [{ origin: site.url }, { "sec-fetch-site": "same-origin" }]) {
    const browser = await signIn(site.url);
    // With the session, and then without one.
    for (const cookies of [1, 0]) {
      const response = await browser.fetch("/logout", { ...stale, headers: proof });
      expect([cookies, response.status, response.headers.get("location")]).toEqual([
        cookies,
        303,
        cookies > 0 ? "/signed-out" : "/",
      ]);
      expect(sessionCookies(browser).length).toBe(0);
    }
  }
  for (const headers of [{}, { origin: "http://evil.example" }, { "sec-fetch-site": "none" }]) {
    const browser = await signIn(site.url);
    expect((await browser.fetch("/logout", { ...stale, headers })).status).toBe(403);
    expect(sessionCookies(browser).length).toBe(1);
  }
});

test("the session API returns user and CSRF token to the site's own pages only", async () => {
  await using site = await start();
  const browser = await signIn(site.url);
  const { user_id, csrf_token } = await sessionOf(browser);
  const response = await browser.fetch("/api/session");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await response.json()).toEqual({ user_id, csrf_token });
  expect((await new Browser(site.url).fetch("/api/session")).status).toBe(401);
});

test("without a provider, /login explains the settings with 404, and the rest works", async () => {
  await using site = await start({ oidc: undefined });
  for (const path of ["/login", "/login/callback?code=1&state=2"]) {
    const browser = new Browser(site.url);
    const page = await expectRefusal(browser, await browser.fetch(path), 404);
    for (const name of ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]) {
      expect(page).toContain(name);
    }
    expect(page).toContain(`${site.url}/login/callback`);
  }
});

// ASVS 3.3.1
test("behind TLS with SESSION_COOKIE_SECURE, cookies with the __Host- prefix work", async () => {
  await using site = await start({ cookieSecure: true });
  const headers = { "x-forwarded-proto": "https" };
  const begun = await fetch(`${site.url}/login`, { headers, redirect: "manual" });
  const redirectUri = new URL(begun.headers.get("location") ?? "").searchParams.get("redirect_uri");
  expect(redirectUri).toBe(`${site.url.replace("http:", "https:")}/login/callback`);
  expect(begun.headers.getSetCookie().join()).toMatch(
    /^__Host-sign-in-[\w-]+=v1\.[^;]+; Max-Age=600; Path=\/; .*Secure; SameSite=Lax$/,
  );
  const browser = await signIn(site.url, ada, { headers });
  expect(sessionCookies(browser)).toEqual(["__Host-session"]);
});

test("SESSION_COOKIE_SECURE over http is an error with cause and remedy, on the page and in the log", async () => {
  await using site = await start({ cookieSecure: true });
  for (const path of ["/login", "/login/callback"]) {
    const response = await fetch(`${site.url}${path}`, {
      headers: { accept: "text/html" },
      redirect: "manual",
    });
    const page = await response.text();
    expect(response.status).toBe(400);
    expect(page).toContain("SESSION_COOKIE_SECURE is true, and this request came over http");
    expect(page).toContain("Open the site over https");
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(site.lines.pop()).toMatchObject({
      severity: "WARNING",
      code: "COOKIE_NEEDS_HTTPS",
      cause: expect.stringContaining("Open the site over https"),
    });
  }
});

test("X-Forwarded-Host does not change the redirect URI", async () => {
  await using site = await start();
  const response = await fetch(`${site.url}/login`, {
    headers: { "x-forwarded-host": "evil.example" },
    redirect: "manual",
  });
  expect(response.headers.get("location")).not.toContain("evil.example");
});

test("an outage of the provider is a page with Retry-After, and the next sign-in after it works", async () => {
  await using gone = await startProvider();
  const { port } = new URL(gone.issuer);
  await gone.close();
  await using site = await start({ oidc: gone.oidc });
  const browser = new Browser(site.url);
  const response = await browser.fetch("/login?returnTo=/page");
  expect(response.headers.get("retry-after")).toBe("5");
  const page = await expectRefusal(browser, response, 503);
  expect(page).toContain('href="/login?returnTo=%2Fpage"');
  expect(site.lines.at(-1)).toMatchObject({
    reason: "provider_unavailable",
    step: "discovery",
    cause: "ECONNREFUSED",
  });
  await using back = await startProvider(Number(port));
  await expect(signIn(site.url)).resolves.toBeDefined();
  await back.close();
});

test("an outage of the provider during a sign-in is a page with Retry-After, and no session", async () => {
  await using leaving = await startProvider();
  await using site = await start({ oidc: leaving.oidc });
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada, "/page");
  await leaving.close();
  const response = await browser.fetch(callback);
  expect(response.headers.get("retry-after")).toBe("5");
  await expectRefusal(browser, response, 503);
});

test("a wrong client secret is logged, and not shown on the page", async () => {
  const oidc = { ...provider.oidc, clientSecret: "a wrong secret" };
  await using site = await start({ oidc });
  const browser = new Browser(site.url);
  const callback = await answerOfProvider(browser, ada);
  const page = await expectRefusal(browser, await browser.fetch(callback), 502);
  expect(page).not.toMatch(/invalid_client|secret/);
  expect(site.lines.at(-1)).toMatchObject({ reason: "provider_error", error: "invalid_client" });
});

test("the log never contains a code, token, state or secret", async () => {
  await using site = await start({ allowedUsers: ["@example.com"] });
  const browser = new Browser(site.url);
  const callback = new URL(await answerOfProvider(browser, ada));
  const twice = browser.clone();
  await browser.fetch(callback.href);
  await twice.fetch(callback.href);
  await browser.fetch("/login/callback?code=x&state=y&error=z");
  await new Browser(site.url).fetch(callback.href);
  await expect(signIn(site.url, mallory)).rejects.toThrow("403");
  const log = JSON.stringify(site.lines);
  const { id_token, csrf_token } = await sessionOf(browser);
  const cookies = [...browser.cookies.values()];
  const secrets = [...callback.searchParams.values()].filter((value) => value !== provider.issuer);
  for (const secret of [...secrets, ...cookies, id_token, csrf_token, CLIENT.clientSecret]) {
    expect(log).not.toContain(String(secret));
  }
  expect(site.lines.length).toBeGreaterThanOrEqual(3);
});
