import { Router } from "express";
import { pendingNotice } from "../login/pendingSignOuts.ts";
import { signInLink } from "../login/returnTo.ts";
import { isSignedIn } from "../session/session.ts";
import type { Application } from "./application.ts";
import { html, page } from "./html.ts";
import { PRODUCT } from "./product.ts";

/** The start page: a sign-in link, or a redirect to the application for signed-in users. */
export function homeRoutes({ home, start }: Pick<Application, "home" | "start">): Router {
  const routes = Router();
  routes.get("/", (req, res) => {
    if (isSignedIn(req)) {
      res.redirect(303, home);
      return;
    }
    res.type("html").send(
      page({
        title: start.title,
        body: html`<main class="message home">
<h1>${PRODUCT}</h1>
<p>${start.text}</p>
${pendingNotice(res)}<p><a class="button" href="${signInLink(home)}">Sign in</a></p>
</main>`,
      }),
    );
  });
  return routes;
}
