import { expect, test } from "@jest/globals";
import { homeRoutes } from "../../../service/http/home.ts";
import type { SessionData } from "../../../service/session/session.ts";
import { Browser } from "../../support/browser.ts";
import { serve } from "../../support/httpServer.ts";
import { sessionApp } from "../../support/sessionApp.ts";

/** The start page for who has that session. */
async function home(session: SessionData) {
  const { app } = sessionApp({}, (routes) => {
    routes.get("/plant", (req, res) => {
      req.session = session;
      res.end();
    });
    routes.use(homeRoutes({ home: "/notes", start: { title: "Keep a note", text: "One & all." } }));
  });
  await using site = await serve(app);
  const browser = new Browser(site.url);
  await browser.fetch("/plant");
  const response = await browser.fetch("/");
  return { response, text: await response.text() };
}

test("a stranger is led to sign-in, and from there to the application", async () => {
  const { response, text } = await home({});
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/html; charset=utf-8",
  ]);
  expect(text).toContain('href="/login?returnTo=%2Fnotes"');
  expect(text).toContain("<title>Keep a note &middot; Phoenix</title>");
  expect(text).toContain("<h1>Phoenix</h1>");
  expect(text).toContain("<p>One &amp; all.</p>");
});

test("who is signed in is led on, and who only seems to be is not sent in circles", async () => {
  const { response } = await home({ user_id: "ada", id_token: "a.b.c" });
  expect([response.status, response.headers.get("location")]).toEqual([303, "/notes"]);
  for (const session of [{ user_id: "ada" }, { user_id: "ada", id_token: "" }]) {
    expect((await home(session)).response.status).toBe(200);
  }
});
