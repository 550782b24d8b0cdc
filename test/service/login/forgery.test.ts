import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { Browser } from "../../support/browser.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { application } from "./application.ts";
import { type Forgery, type ForgingProvider, startForgingProvider } from "./forgingProvider.ts";

let provider: ForgingProvider;
let site: RunningServer;
let lines: Record<string, unknown>[];

beforeAll(async () => {
  provider = await startForgingProvider();
  const written = application({ oidc: provider.oidc });
  lines = written.lines;
  site = await serve(written.app);
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

beforeEach(() => {
  provider.forgery = {};
});

/** Begins a sign-in and returns the parameters for the provider. */
async function begin(browser: Browser): Promise<URLSearchParams> {
  const response = await browser.fetch("/login?returnTo=/page");
  const { searchParams } = new URL(response.headers.get("location") ?? "");
  provider.nonce = searchParams.get("nonce") ?? "";
  return searchParams;
}

/** A complete sign-in in which the provider responds with a forgery. */
async function attempt(forgery: Forgery, more: Record<string, string> = {}) {
  const browser = new Browser(site.url);
  const asked = await begin(browser);
  provider.forgery = forgery;
  const state = asked.get("state") ?? "";
  const query = new URLSearchParams({ code: "the-code", state, ...more });
  const response = await browser.fetch(`/login/callback?${query}`);
  const session = (await (await browser.fetch("/session")).json()) as Record<string, unknown>;
  return { response, session, page: await response.text(), log: lines.at(-1) };
}

test("a valid response of the provider signs the user in", async () => {
  const { response, session } = await attempt({});
  expect(response.status).toBe(303);
  expect(session).toMatchObject({ user_id: "somebody", user_email: "somebody@example.com" });
});

const HOUR_AGO = Math.floor(Date.now() / 1000) - 3_600;

// ASVS 9.1.1, 9.1.2, 9.1.3, 9.2.1, 9.2.3, 11.6.1
test.each<[string, Forgery, number, string]>([
  ["of another sign-in", { claims: { nonce: "another" } }, 400, "forged_answer"],
  ["without a nonce", { claims: { nonce: undefined } }, 502, "provider_error"],
  ["for another application", { claims: { aud: "another" } }, 502, "provider_error"],
  ["with another audience too", { claims: { aud: ["phoenix", "x"] } }, 502, "provider_error"],
  ["of another issuer", { claims: { iss: "https://evil.example" } }, 502, "provider_error"],
  ["that has expired", { claims: { exp: HOUR_AGO } }, 502, "provider_error"],
  ["without a subject", { claims: { sub: undefined } }, 502, "provider_error"],
  ["with an empty subject", { claims: { sub: "" } }, 502, "provider_error"],
  ["with a subject of 5 kB", { claims: { sub: "s".repeat(5_000) } }, 502, "provider_error"],
  ["signed by another key", { foreignKey: true }, 502, "provider_error"],
  [
    "with a changed byte",
    { idToken: (good) => `${good.slice(0, -8)}AAAAAAAA` },
    502,
    "provider_error",
  ],
  [
    "without a signature",
    { idToken: (good) => good.replace(/\.[^.]*$/, ".") },
    502,
    "provider_error",
  ],
  ["that says alg none", { idToken: unsecured }, 502, "provider_error"],
  ["that is not a JWT", { idToken: () => "nonsense" }, 502, "provider_error"],
])("an ID token %s signs nobody in", async (_what, forgery, status, reason) => {
  const { response, session, page, log } = await attempt(forgery);
  expect(response.status).toBe(status);
  expect(session).toEqual({});
  expect(page).toContain('href="/login?returnTo=%2Fpage"');
  expect(log).toMatchObject({ event: "sign_in_failed", reason });
  expect(JSON.stringify(log)).not.toMatch(/the-code|eyJ/);
});

function unsecured(good: string): string {
  const header = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  return `${header}.${good.split(".")[1]}.`;
}

test("a callback with another issuer is refused before its code is sent", async () => {
  provider.asked.length = 0;
  const { response, session } = await attempt({}, { iss: "https://evil.example" });
  expect(response.status).toBe(400);
  expect(session).toEqual({});
  expect(provider.asked).not.toContain("/token");
});

test.each<[string, Forgery, number]>([
  ["refuses this service", { answer: { status: 401, body: { error: "invalid_client" } } }, 502],
  ["answers with nonsense", { answer: { status: 200, body: "nonsense" } }, 502],
  ["leaves out the ID token", { answer: { status: 200, body: withoutIdToken() } }, 502],
  ["answers 500", { answer: { status: 500, body: {} } }, 503],
  ["answers 429", { answer: { status: 429, body: {} } }, 503],
  ["answers 408", { answer: { status: 408, body: {} } }, 503],
  [
    "refuses with a description that is a list",
    { answer: { status: 400, body: { error: "invalid_scope", error_description: ["no"] } } },
    502,
  ],
])("a provider that %s signs nobody in", async (_what, forgery, status) => {
  const { response, session } = await attempt(forgery);
  expect(response.status).toBe(status);
  expect(response.headers.has("retry-after")).toBe(status === 503);
  expect(session).toEqual({});
});

test.each([
  ["with", { "www-authenticate": 'Basic realm="clients"' }],
  ["without", {}],
])("a refused client secret is logged as such, %s a challenge", async (_with, headers) => {
  const body = { error: "invalid_client", error_description: "wrong secret" };
  const { log } = await attempt({ answer: { status: 401, body, headers } });
  expect(log).toMatchObject({ reason: "provider_error", ...body });
});

test("a refusal that is no OAuth error is logged with its status", async () => {
  const { log } = await attempt({ answer: { status: 403, body: { message: "blocked" } } });
  expect(log).toMatchObject({ reason: "provider_error", status: 403 });
});

test("a sign-in as another user replaces the existing session", async () => {
  const browser = new Browser(site.url);
  const attempts = [await begin(browser), await begin(browser)];
  for (const [index, asked] of attempts.entries()) {
    const sub = `user-${index}`;
    provider.forgery = { claims: { sub } };
    provider.nonce = asked.get("nonce") ?? "";
    await browser.fetch(`/login/callback?code=1&state=${asked.get("state")}`);
    expect(await (await browser.fetch("/session")).json()).toMatchObject({ user_id: sub });
  }
});

test.each([
  "invalid_grant",
  // Some providers call an invented code malformed. It is not logged as an error.
  "invalid_request",
])("a sign-in whose code is refused as %s restarts automatically, but only once", async (error) => {
  const browser = new Browser(site.url);
  provider.forgery = { answer: { status: 400, body: { error } } };
  const first = (await begin(browser)).get("state") ?? "";
  const again = await browser.fetch(`/login/callback?code=1&state=${first}`);
  const asked = new URL(again.headers.get("location") ?? "");
  expect([again.status, asked.pathname]).toEqual([302, "/auth"]);
  const second = asked.searchParams.get("state") ?? "";
  expect(second).not.toBe(first);
  const refused = await browser.fetch(`/login/callback?code=2&state=${second}`);
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain('href="/login?returnTo=%2Fpage"');
  expect(lines.at(-1)).toMatchObject({ reason: "code_refused" });
});

test("invented codes for one attempt cause one call of the token endpoint", async () => {
  const browser = new Browser(site.url);
  provider.forgery = { answer: { status: 400, body: { error: "invalid_grant" } } };
  const state = (await begin(browser)).get("state") ?? "";
  provider.asked.length = 0;
  const codes = Array.from({ length: 30 }, (_, index) => `made-up-${index}`);
  const replay = (code: string) =>
    browser.clone().fetch(`/login/callback?code=${code}&state=${state}`);
  await Promise.all(codes.slice(0, 15).map(replay));
  for (const code of codes.slice(15)) await replay(code);
  expect(provider.asked.filter((path) => path === "/token")).toHaveLength(1);
});

test("a provider that answers 5xx is called at most three times for one attempt", async () => {
  const browser = new Browser(site.url);
  provider.forgery = { answer: { status: 500, body: {} } };
  const state = (await begin(browser)).get("state") ?? "";
  provider.asked.length = 0;
  for (let count = 0; count < 6; count++) {
    await browser.clone().fetch(`/login/callback?code=the-code&state=${state}`);
  }
  expect(provider.asked.filter((path) => path === "/token")).toHaveLength(3);
});

test("an error of the provider without a state is refused, and logged with a bounded length", async () => {
  const error = `invalid_scope ${"x".repeat(5_000)}`;
  const response = await new Browser(site.url).fetch(
    `/login/callback?${new URLSearchParams({ error, error_description: "y".repeat(5_000) })}`,
  );
  expect(response.status).toBe(400);
  expect(await response.text()).not.toContain("invalid_scope");
  const line = lines.at(-1) ?? {};
  expect(line).toMatchObject({ reason: "unknown_attempt", authenticated: false });
  expect(String(line.error)).toMatch(/^invalid_scope x+$/);
  expect(JSON.stringify(line).length).toBeLessThan(500);
});

function withoutIdToken(): object {
  return { access_token: "an access token", token_type: "Bearer" };
}

test.each([
  ["access_denied", 403],
  ["server_error", 400],
  ["temporarily_unavailable", 400],
  ["invalid_scope", 400],
  ["<script>alert(1)</script>", 400],
])(
  "the provider's error %s is a page of status %d that does not repeat it",
  async (error, status) => {
    const browser = new Browser(site.url);
    const state = (await begin(browser)).get("state") ?? "";
    const error_description = "<b>Call 555-0100</b>\r\nnow";
    const query = new URLSearchParams({ state, error, error_description });
    const response = await browser.fetch(`/login/callback?${query}`);
    const page = await response.text();
    expect(response.status).toBe(status);
    expect(page).not.toMatch(/555|alert/);
    expect(lines.at(-1)).toMatchObject({
      error,
      error_description: "<b>Call 555-0100</b> now",
    });
  },
);

test.each(["access_denied", "login_required"])(
  "the provider's error %s does not change who is signed in",
  async (error) => {
    const browser = new Browser(site.url);
    const before = (await begin(browser)).get("state") ?? "";
    await browser.fetch(`/login/callback?code=1&state=${before}`);
    const state = (await begin(browser)).get("state") ?? "";
    const response = await browser.fetch(`/login/callback?error=${error}&state=${state}`);
    expect(response.status).toBe(error === "access_denied" ? 303 : 400);
    expect(await (await browser.fetch("/session")).json()).toMatchObject({ user_id: "somebody" });
  },
);

test("a callback without a code or an error, or with several, is refused", async () => {
  const browser = new Browser(site.url);
  const state = (await begin(browser)).get("state") ?? "";
  const wrong = ["", "&code=", "&error=", "&id_token=1", "&code=1&id_token=1", "&code=1&token=1"];
  for (const more of [...wrong, "&code=1&code=2", `&code=1&state=${state}`]) {
    const again = browser.clone();
    expect((await again.fetch(`/login/callback?state=${state}${more}`)).status).toBe(400);
  }
});

test("an e-mail address that is missing in the ID token is read from userinfo", async () => {
  const claims = { email: undefined, email_verified: undefined };
  const userinfo = { sub: "somebody", email: "else@example.com", email_verified: true };
  const { session } = await attempt({ claims, userinfo });
  expect(session).toMatchObject({ user_email: "else@example.com" });
});

test("userinfo of another user signs nobody in", async () => {
  const claims = { email: undefined };
  const userinfo = { sub: "another", email: "else@example.com", email_verified: true };
  const { response, session } = await attempt({ claims, userinfo });
  expect([response.status, session]).toEqual([502, {}]);
});

test.each<[string, object, string, string]>([
  ["says false", { email_verified: false }, "email_unverified", "is not verified"],
  ["says nothing", { email_verified: undefined }, "email_unstated", "does not say whether"],
  ["says a number", { email_verified: 1 }, "email_unstated", "does not say whether"],
  ["says a list", { email_verified: ["true"] }, "email_unstated", "does not say whether"],
  ["has no address", { email: undefined }, "email_missing", "has no e-mail address"],
  ["has an empty address", { email: "" }, "email_missing", "has no e-mail address"],
])(
  "a provider that %s about the e-mail address signs nobody in, and page and log give the reason",
  async (_what, claims, reason, text) => {
    const userinfo = { sub: "somebody" };
    const { response, session, page, log } = await attempt({ claims: { ...claims }, userinfo });
    expect([response.status, session]).toEqual([403, {}]);
    expect(log).toMatchObject({ reason, user_id: "somebody", cause: expect.any(String) });
    expect(page).toContain(text);
  },
);

test("email_verified as text signs in", async () => {
  const { response } = await attempt({ claims: { email_verified: "true" } });
  expect(response.status).toBe(303);
});

test("another account is requested with the parameter that the provider supports", async () => {
  const response = await fetch(`${site.url}/login?prompt=select_account`, { redirect: "manual" });
  const { searchParams } = new URL(response.headers.get("location") ?? "");
  expect(searchParams.get("prompt")).toBe("login");
});

test("an ID token that does not fit into a cookie does not prevent sign-in", async () => {
  const { response, session } = await attempt({ claims: { picture: "x".repeat(4_000) } });
  expect(response.status).toBe(303);
  expect(session).toMatchObject({ user_id: expect.any(String) });
  expect(session).not.toHaveProperty("id_token");
});
