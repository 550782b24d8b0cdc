import { Router } from "express";
import { isSignedIn } from "../login/requireSignIn.ts";
import { html, page } from "./html.ts";

/** The start page: a way in, or onwards for who is signed in. */
export function homeRoutes(): Router {
  const routes = Router();
  routes.get("/", (req, res) => {
    if (isSignedIn(req)) {
      res.redirect(303, "/reel-maker");
      return;
    }
    res.type("html").send(
      page({
        title: "Make a reel",
        body: html`<main class="message home">
<h1>Phoenix</h1>
<p>Pick a few clips, put them in order, and play them as one reel.</p>
<p><a class="button" href="/login?returnTo=/reel-maker">Sign in</a></p>
</main>`,
      }),
    );
  });
  return routes;
}
