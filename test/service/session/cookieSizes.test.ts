import { randomUUID } from "node:crypto";
import { expect, test } from "@jest/globals";
import cookieSession from "cookie-session";
import express, { type RequestHandler } from "express";
import { MAX_ATTEMPTS } from "../../../service/login/attempts.ts";
import { MAX_COOKIE_BYTES, MAX_DATA_COOKIE_BYTES } from "../../../service/session/cookie.ts";
import { startSession } from "../../../service/session/session.ts";
import { Browser } from "../../support/browser.ts";
import { serve } from "../../support/httpServer.ts";
import { sessionApp, shown, signedIn } from "../../support/sessionApp.ts";
import { application, startProvider } from "../login/application.ts";

/** An ID token with groups of 36 characters each, and a signature as long as RS256's. */
function idToken(groups: number): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = {
    iss: "https://accounts.example",
    sub: "ada",
    email: "ada@example.com",
    groups: Array.from({ length: groups }, () => randomUUID()),
  };
  return [encode({ alg: "RS256", kid: "1" }), encode(claims), "s".repeat(342)].join(".");
}

async function start(id_token: string) {
  const { app, lines } = sessionApp({}, (routes) => {
    routes.get("/sign-in", (req, res) => {
      startSession(req, signedIn("ada", { id_token }));
      res.json({});
    });
    routes.get("/save", (req, res) => {
      req.session.note = "x".repeat(250);
      res.json({});
    });
    routes.get("/read", (req, res) => void res.json(shown(req)));
  });
  const server = await serve(app);
  return { ...server, lines, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test.each([0, 20, 38, 40, 45, 200, 600])(
  "with an ID token of %d groups sign-in works, and the application's data fits",
  async (groups) => {
    const token = idToken(groups);
    await using service = await start(token);
    const browser = new Browser(service.url);
    const { headers } = await browser.fetch("/sign-in");
    const [line = ""] = headers.getSetCookie();
    expect(line.length).toBeLessThanOrEqual(4_096);
    expect((await browser.fetch("/save")).status).toBe(200);
    const session = (await (await browser.fetch("/read")).json()) as Record<string, unknown>;
    expect(session).toMatchObject({ user_id: "ada", user_email: "ada@example.com" });
    expect(session.note).toHaveLength(250);
    const leftOut = session.id_token === undefined;
    if (groups <= 20) expect(leftOut).toBe(false);
    if (groups >= 45) expect(leftOut).toBe(true);
    if (!leftOut) expect(session.id_token).toBe(token);
    expect(service.lines).toEqual(
      leftOut
        ? [
            expect.objectContaining({
              severity: "WARNING",
              event: "id_token_left_out",
              bytes: token.length,
              user_id: "ada",
            }),
          ]
        : [],
    );
    expect(JSON.stringify(service.lines)).not.toContain(token.slice(40, 80));
  },
);

test("cookie-session itself can read the cookies", async () => {
  await using service = await start(idToken(1));
  const browser = new Browser(service.url);
  await browser.fetch("/sign-in");
  await browser.fetch("/save");
  expect(browser.cookies.size).toBe(2);
  for (const name of browser.cookies.keys()) {
    const app = express();
    app.use(cookieSession({ name, signed: false } as never) as RequestHandler);
    app.get("/", (req, res) => void res.json(req.session));
    await using other = await serve(app);
    const plain = new Browser(other.url);
    plain.cookies.set(name, browser.cookies.get(name) ?? "");
    const response = await plain.fetch("/");
    expect(await response.json()).toEqual({
      // Only the credential has an attachment, its ID token.
      sealed: expect.stringMatching(
        name === "session" ? /^v1(\.[\w-]+){2}(\.[\w-]{60,})$/ : /^v1\.[\w-]+\.[\w-]{60,}$/,
      ),
    });
    expect(response.headers.getSetCookie()).toEqual([]);
  }
});

test("all cookies of the site together stay below 12 kB, with eight pending sign-ins", async () => {
  // The largest cookies, and a data cookie that a late response of an earlier session left behind.
  const largest = MAX_COOKIE_BYTES + 2 * MAX_DATA_COOKIE_BYTES;
  await using provider = await disposableProvider();
  await using site = await serve(application({ oidc: provider.oidc }).app);
  const browser = new Browser(site.url);
  // Tabs that begin at the same moment don't know of each other.
  const landings = [];
  for (let count = 0; count < MAX_ATTEMPTS; count += 1) {
    landings.push(await browser.send(`/login?returnTo=/page${"x".repeat(500)}${count}`));
  }
  for (const landing of landings) browser.receive(landing);
  const attempts = [...browser.cookies].map((pair) => `${pair.join("=")}; `).join("");
  expect(largest + attempts.length).toBeLessThan(12_000);
  const body = new URLSearchParams({ id_token: idToken(30) });
  await browser.fetch("/plant", { method: "POST", body });
  await browser.fetch("/plant", { method: "POST", body });
  const cookies = [...browser.cookies];
  expect(cookies).toHaveLength(MAX_ATTEMPTS + 2);
  const header = cookies.map(([name, value]) => `${name}=${value}`).join("; ");
  expect(header.length).toBeLessThan(12_000);
});

async function disposableProvider() {
  const provider = await startProvider();
  return { ...provider, [Symbol.asyncDispose]: () => provider.close() };
}
