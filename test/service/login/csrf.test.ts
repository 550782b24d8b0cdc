import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ada } from "../../local/identity/users.ts";
import { Browser } from "../../support/browser.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { signIn, type Visitor } from "../../support/signIn.ts";
import { application, startProvider } from "./application.ts";

let provider: Awaited<ReturnType<typeof startProvider>>;
let site: RunningServer;
let visitor: Visitor;
let token: string;

beforeAll(async () => {
  provider = await startProvider();
  site = await serve(application({ oidc: provider.oidc }).app);
  visitor = await signIn(site.url, ada);
  token = await tokenOf(visitor);
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await provider.close();
});

async function tokenOf(browser: Browser): Promise<string> {
  const session = (await (await browser.fetch("/session")).json()) as Record<string, string>;
  return session.csrf_token ?? "";
}

test("the token is read from the header or the form", async () => {
  const header = { method: "POST", headers: { "x-csrf-token": token } };
  const form = { method: "POST", body: new URLSearchParams({ _csrf: token }) };
  expect((await visitor.fetch("/change", header)).status).toBe(204);
  expect((await visitor.fetch("/change", form)).status).toBe(204);
});

test.each(["POST", "PUT", "PATCH", "DELETE"])(
  "a %s without the token is refused",
  async (method) => {
    for (const path of ["/change", "/api/thing", "/anything"]) {
      expect((await visitor.fetch(path, { method })).status).toBe(403);
    }
  },
);

test("the refusal is a problem document with a code and a remedy", async () => {
  const response = await visitor.fetch("/api/thing", { method: "POST" });
  expect(response.headers.get("content-type")).toContain("application/problem+json");
  expect(await response.json()).toMatchObject({
    status: 403,
    code: "csrf_token_invalid",
    detail: expect.stringContaining("reload the page"),
  });
});

test("a token that is empty, changed, of another session or in the URL is refused", async () => {
  const other = await tokenOf(await signIn(site.url, ada));
  const changed = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
  for (const wrong of ["", changed, other, `${token} `.repeat(2)]) {
    const headers = { "x-csrf-token": wrong };
    expect((await visitor.fetch("/change", { method: "POST", headers })).status).toBe(403);
    const body = new URLSearchParams({ _csrf: wrong });
    expect((await visitor.fetch("/change", { method: "POST", body })).status).toBe(403);
  }
  const inUrl = await visitor.fetch(`/change?_csrf=${token}`, { method: "POST" });
  expect(inUrl.status).toBe(403);
  const twice = new URLSearchParams([
    ["_csrf", token],
    ["_csrf", token],
  ]);
  expect((await visitor.fetch("/change", { method: "POST", body: twice })).status).toBe(403);
});

test("without a session no token is accepted, not even an empty one", async () => {
  const stranger = new Browser(site.url);
  for (const value of ["", "undefined", "null"]) {
    const headers = { "x-csrf-token": value };
    expect((await stranger.fetch("/change", { method: "POST", headers })).status).toBe(403);
  }
});

test("without a session the error is 401, not a wrong token", async () => {
  const response = await new Browser(site.url).fetch("/api/thing", { method: "POST" });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: "sign_in_required" });
});

test.each(["GET", "HEAD", "OPTIONS"])("a %s needs no token", async (method) => {
  expect((await visitor.fetch("/session", { method })).status).toBe(200);
});
