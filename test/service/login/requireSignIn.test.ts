import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ada } from "../../local/identity/users.ts";
import { Browser } from "../../support/browser.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { answer, signIn } from "../../support/signIn.ts";
import { application, startProvider } from "./application.ts";

const time = { ahead: 0 };
let provider: Awaited<ReturnType<typeof startProvider>>;
let site: RunningServer;

beforeAll(async () => {
  provider = await startProvider();
  site = await serve(application({ oidc: provider.oidc, time }).app);
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await provider.close();
});

test("a page without a session redirects to sign-in and back, with its query", async () => {
  const response = await new Browser(site.url).fetch("/page?a=1&b=%2F%2F");
  const location = new URL(response.headers.get("location") ?? "", site.url);
  expect(response.status).toBe(302);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(location.pathname).toBe("/login");
  expect(location.searchParams.get("returnTo")).toBe("/page?a=1&b=%2F%2F");
});

test("a path that is too long is left out of the redirect", async () => {
  const browser = new Browser(site.url);
  const response = await browser.fetch(`/page?a=${"a".repeat(14_000)}`);
  expect([response.status, response.headers.get("location")]).toEqual([302, "/login?returnTo=%2F"]);
  const landing = await browser.follow(`/page?a=${"a".repeat(14_000)}`);
  const callback = await answer(browser, landing, ada);
  expect((await browser.fetch(callback)).status).toBe(303);
});

test("the API without a session answers 401 with a problem document, never a redirect", async () => {
  for (const path of ["/api/thing", "/API/thing", "/api/thing?returnTo=/page"]) {
    const response = await new Browser(site.url).fetch(path);
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ status: 401, code: "sign_in_required" });
  }
});

test("a session is signed in even if the ID token did not fit", async () => {
  const browser = new Browser(site.url);
  const body = new URLSearchParams({ id_token: "x".repeat(5_000) });
  await browser.fetch("/plant", { method: "POST", body });
  expect(await (await browser.fetch("/session")).json()).not.toHaveProperty("id_token");
  expect((await browser.fetch("/api/thing")).status).toBe(200);
  expect((await browser.fetch("/page")).status).toBe(200);
});

// ASVS 7.6.1
test("signed-in users have access until the session expires", async () => {
  const browser = await signIn(site.url, ada);
  expect((await browser.fetch("/page")).status).toBe(200);
  expect((await browser.fetch("/api/thing")).status).toBe(200);
  time.ahead = 604_800;
  const response = await browser.fetch("/api/thing");
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: "session_expired" });
  expect((await browser.fetch("/page")).status).toBe(302);
});
