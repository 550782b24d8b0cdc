import { expect, test } from "@jest/globals";
import { homeRoutes } from "../../../service/http/home.ts";
import { PRODUCT } from "../../../service/http/product.ts";
import { startSession } from "../../../service/session/session.ts";
import { Browser } from "../../support/browser.ts";
import { serve } from "../../support/httpServer.ts";
import { sessionApp, signedIn } from "../../support/sessionApp.ts";

/** Requests the start page, signed in as a user or not at all. */
async function home(user?: string) {
  const { app } = sessionApp({}, (routes) => {
    routes.get("/plant", (req, res) => {
      if (user !== undefined) startSession(req, signedIn(user));
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

test("without a session the page links to sign-in, which returns to the application", async () => {
  const { response, text } = await home();
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/html; charset=utf-8",
  ]);
  expect(text).toContain('href="/login?returnTo=%2Fnotes"');
  expect(text).toContain(`<title>Keep a note &middot; ${PRODUCT}</title>`);
  expect(text).toContain(`<h1>${PRODUCT}</h1>`);
  expect(text).toContain("<p>One &amp; all.</p>");
});

test("with a session it redirects to the application", async () => {
  const { response } = await home("ada");
  expect([response.status, response.headers.get("location")]).toEqual([303, "/notes"]);
});
