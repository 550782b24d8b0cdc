import { once } from "node:events";
import { type IncomingMessage, type RequestListener, request } from "node:http";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { createStaticKeys } from "../../service/keys/static.ts";
import { ada } from "../local/identity/users.ts";
import { Browser } from "../support/browser.ts";
import { type RunningServer, serve } from "../support/httpServer.ts";
import { SECRET } from "../support/sessionApp.ts";
import { answer, signIn } from "../support/signIn.ts";
import { startProvider } from "./login/application.ts";
import { INSTANCE, type WebApp, webApp } from "./webApp.ts";

const HTTPS = { headers: { "x-forwarded-proto": "https" } };

let provider: Awaited<ReturnType<typeof startProvider>>;
let http: WebApp;
let https: WebApp;
let httpSite: RunningServer;
let httpsSite: RunningServer;

beforeAll(async () => {
  provider = await startProvider();
  http = webApp({ oidc: provider.oidc });
  https = webApp({ oidc: provider.oidc, cookieSecure: true });
  httpSite = await serve(http.listener);
  httpsSite = await serve(https.listener);
});

afterAll(async () => {
  await httpSite[Symbol.asyncDispose]();
  await httpsSite[Symbol.asyncDispose]();
  await provider.close();
});

/** One path for each kind of response. */
const PATHS = [
  "/",
  "/notes",
  "/login",
  "/login/callback",
  "/api/note",
  "/api/nothing",
  "/static/style.css",
  "/static/nothing",
  "/health/live",
  "/health/ready",
  "/nothing",
  "/%ff",
];

test("static files have an ETag, dynamic responses have none", async () => {
  const tagged: string[] = [];
  for (const path of PATHS) {
    const { headers } = await new Browser(httpSite.url).fetch(path);
    if (headers.has("etag")) tagged.push(path);
  }
  expect(tagged).toEqual(["/static/style.css"]);
});

test("every response forbids inline scripts, frames and other origins", async () => {
  for (const path of PATHS) {
    const { headers } = await new Browser(httpSite.url).fetch(path);
    const policy = Object.fromEntries(
      (headers.get("content-security-policy") ?? "").split(";").map((directive) => {
        const [name = "", ...values] = directive.split(" ");
        return [name, values.join(" ")];
      }),
    );
    expect([path, policy]).toEqual([
      path,
      {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "media-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
      },
    ]);
    expect([path, Object.fromEntries(headers)]).toEqual([
      path,
      expect.objectContaining({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "x-instance": INSTANCE,
      }),
    ]);
    expect(headers.has("x-powered-by")).toBe(false);
  }
});

test("HSTS and upgrade-insecure-requests are set only with Secure cookies", async () => {
  for (const path of PATHS) {
    const plain = await new Browser(httpSite.url).fetch(path);
    expect([path, plain.headers.has("strict-transport-security")]).toEqual([path, false]);
    expect(plain.headers.get("content-security-policy")).not.toContain("upgrade-insecure");
    const secure = await new Browser(httpsSite.url, HTTPS).fetch(path);
    expect([path, secure.headers.get("strict-transport-security")]).toEqual([
      path,
      "max-age=63072000",
    ]);
    expect(secure.headers.get("content-security-policy")).toContain("upgrade-insecure-requests");
  }
});

test("no page has inline scripts, styles or event handlers, which the policy would block", async () => {
  const visitor = await signIn(httpSite.url, ada);
  for (const path of ["/notes", "/nothing", "/login/callback"]) {
    const text = await (await visitor.follow(path)).response.text();
    expect(text).toContain("<!doctype html>");
    expect(text).not.toMatch(/<script(?![^>]* src=")|<style|<[^>]* (?:style|on\w+)=|javascript:/i);
  }
  const home = await (await new Browser(httpSite.url).fetch("/")).text();
  expect(home).not.toMatch(/<script(?![^>]* src=")|<style|<[^>]* (?:style|on\w+)=|javascript:/i);
});

test("responses that depend on a session are no-store, and static files are cacheable", async () => {
  for (const path of ["/", "/notes", "/login", "/api/note", "/nothing", "/health/ready"]) {
    const { headers } = await new Browser(httpSite.url).fetch(path);
    expect([path, headers.get("cache-control")]).toEqual([path, "no-store"]);
  }
  const file = await new Browser(httpSite.url).fetch("/static/style.css");
  expect([file.status, file.headers.get("cache-control"), file.headers.get("etag")]).toEqual([
    200,
    expect.stringMatching(/^public/),
    expect.any(String),
  ]);
  expect(file.headers.getSetCookie()).toEqual([]);
});

test("without a session the API responds 401 with a problem document that says what to do", async () => {
  for (const path of ["/api/note", "/API/note/", "/api/note?x=1"]) {
    const response = await new Browser(httpSite.url).fetch(path);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      401,
      "application/problem+json; charset=utf-8",
    ]);
    expect(await response.json()).toEqual({
      type: "about:blank",
      status: 401,
      code: "sign_in_required",
      title: "You are not signed in",
      detail: "Sign in and try again.",
      sign_in: "/login",
    });
  }
});

test("with a session that does not open the API responds session_expired, and a page redirects to sign-in", async () => {
  const visitor = await signIn(httpSite.url, ada);
  visitor.cookies.set("session", `${visitor.cookies.get("session")}x`);
  const refused = await visitor.fetch("/api/note");
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({
    code: "session_expired",
    title: "Your session has expired",
  });
  const page = await visitor.fetch("/notes?x=1");
  expect([page.status, page.headers.get("location")]).toEqual([
    302,
    "/login?returnTo=%2Fnotes%3Fx%3D1",
  ]);
});

test("a cookie of the old Flask application counts as no session, without an error", async () => {
  const flask = ".eJyrVkrLz1eyUkpKLFKqBQAd3QR5.ZxY3rQ.Ij1kZ2Vsd2ViIHNpZ25hdHVyZQ";
  const visitor = new Browser(httpSite.url);
  visitor.cookies.set("session", flask);
  const home = await visitor.fetch("/");
  expect([home.status, home.headers.getSetCookie()]).toEqual([200, []]);
  expect((await visitor.fetch("/api/note")).status).toBe(401);
  expect((await http.lines()).at(-1)).toMatchObject({ severity: "INFO", session: "malformed" });
  expect((await http.written()).join()).not.toContain(flask.slice(0, 20));
});

describe("X-Forwarded", () => {
  /** Returns the redirect URI of a sign-in, and the client's IP address in the log. */
  async function seen(headers: Record<string, string>) {
    const response = await new Browser(httpSite.url, { headers }).fetch("/login");
    const redirect = new URL(response.headers.get("location") ?? "").searchParams;
    const line = (await http.lines()).at(-1);
    return {
      uri: new URL(redirect.get("redirect_uri") ?? ""),
      remoteIp: (line?.httpRequest as { remoteIp: string } | undefined)?.remoteIp,
    };
  }

  test("-Proto is trusted from the one hop before the service", async () => {
    expect((await seen({})).uri.protocol).toBe("http:");
    expect((await seen({ "x-forwarded-proto": "https" })).uri.protocol).toBe("https:");
  });

  test("-For is trusted from that hop only, not from the client", async () => {
    const claimed = { "x-forwarded-for": "10.0.0.1, 203.0.113.9" };
    expect((await seen(claimed)).remoteIp).toBe("203.0.113.9");
    expect((await seen({})).remoteIp).toMatch(/127\.0\.0\.1$/);
  });

  test("-For is the client's address behind a load balancer too, which appends its own as well", async () => {
    const web = webApp({ trustedProxies: 2 });
    await using site = await serve(web.listener);
    const headers = { "x-forwarded-for": "10.0.0.1, 203.0.113.9, 198.51.100.7" };
    await new Browser(site.url, { headers }).fetch("/");
    expect((await web.lines()).at(-1)).toMatchObject({ httpRequest: { remoteIp: "203.0.113.9" } });
  });

  test("-Host and -Port are never trusted, because they would redirect a sign-in elsewhere", async () => {
    const claimed = {
      "x-forwarded-host": "evil.example",
      "x-forwarded-port": "8443",
      forwarded: "host=evil.example;proto=https",
    };
    const { uri } = await seen(claimed);
    expect(uri.href).toBe(`${httpSite.url}/login/callback`);
  });
});

test("Secure cookies and a request over http: the response and the log say so, and no cookie is set", async () => {
  const response = await new Browser(httpsSite.url).fetch("/login");
  const page = await response.text();
  expect([response.status, response.headers.getSetCookie()]).toEqual([400, []]);
  expect(page).toContain("This site needs https");
  expect(page).toContain("SESSION_COOKIE_SECURE");
  expect(await https.lines()).toContainEqual(
    expect.objectContaining({
      severity: "WARNING",
      code: "COOKIE_NEEDS_HTTPS",
      cause: expect.stringContaining("Open the site over https"),
    }),
  );
});

test.each([
  ["redirects elsewhere", false],
  ["is served", true],
])("a sign-in that begins at a host where it %s ends at the public URL", async (_how, served) => {
  let listener: RequestListener = () => {};
  await using site = await serve((req, res) => listener(req, res));
  const publicUrl = new URL(site.url);
  const other = new URL(`http://localhost:${publicUrl.port}`);
  const { oidc } = provider;
  ({ listener } = webApp({ oidc, publicUrl, alsoServedAt: served ? [other.host] : [] }));
  for (const path of ["/notes", "/login?returnTo=/notes"]) {
    const browser = new Browser(site.url);
    const landing = await browser.follow(`${other.origin}${path}`);
    const back = await browser.fetch(await answer(browser, landing, ada));
    expect([back.status, back.headers.get("location")]).toEqual([303, "/notes"]);
    expect((await browser.fetch("/notes")).status).toBe(200);
  }
});

test("over https the whole sign-in works with a __Host- cookie", async () => {
  const visitor = await signIn(httpsSite.url, ada, HTTPS);
  expect([...visitor.cookies.keys()]).toContain("__Host-session");
  expect([...visitor.cookies.keys()].every((name) => name.startsWith("__Host-"))).toBe(true);
  expect((await visitor.fetch("/api/note")).status).toBe(200);
  // Another host of the same domain could set the name without the prefix, so it is ignored.
  const planted = new Browser(httpsSite.url, HTTPS);
  planted.cookies.set("session", visitor.cookies.get("__Host-session") ?? "");
  expect((await planted.fetch("/api/note")).status).toBe(401);
});

test("a body that is too large or isn't JSON is a client error", async () => {
  const visitor = await signIn(httpSite.url, ada);
  const headers = {
    "content-type": "application/json",
    "x-csrf-token": await visitor.csrfToken(),
  };
  const send = (body: string) => visitor.fetch("/api/note", { method: "PUT", headers, body });
  expect((await send(`{"note":"${"x".repeat(20_000)}"}`)).status).toBe(413);
  expect((await send("{")).status).toBe(400);
  expect((await send('{"note":"milk"}')).status).toBe(200);
});

test("without a session the response does not wait for the body, which could occupy a request slot for minutes", async () => {
  const { hostname, port } = new URL(httpSite.url);
  for (const [method, path, status] of [
    ["PUT", "/api/note", 401],
    ["POST", "/logout", 403],
    ["POST", "/nothing", 403],
    ["GET", "/", 200],
    ["GET", "/login/callback", 400],
  ]) {
    for (const type of ["application/json", "application/x-www-form-urlencoded"]) {
      const headers = { "content-type": type, "content-length": "1000" };
      const slow = request({ hostname, port, method: String(method), path: String(path), headers });
      slow.on("error", () => {});
      slow.write("{");
      const [answer] = (await once(slow, "response")) as [IncomingMessage];
      expect([method, path, answer.statusCode]).toEqual([method, path, status]);
      slow.destroy();
    }
  }
});

test("an error thrown in the error handler shows no stack trace", async () => {
  const shown = Promise.withResolvers<void>();
  const console_ = jest.spyOn(console, "error").mockImplementation(() => shown.resolve());
  let lines = 0;
  const broken = webApp({
    keys: {
      ...createStaticKeys(SECRET),
      refresh: () => {
        throw new Error("the keys are broken");
      },
    },
    write: () => {
      lines += 1;
      if (lines === 1) throw new Error("the log is broken");
    },
  });
  await using site = await serve(broken.listener);
  const response = await fetch(site.url);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toMatch(/broken|\.ts/);
  await shown.promise;
  console_.mockRestore();
});
