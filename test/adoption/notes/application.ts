import { type Request, Router } from "express";
import type { Application } from "../../../service/http/application.ts";
import { html } from "../../../service/http/html.ts";
import { signedInPage } from "../../../service/http/signedInPage.ts";
import { requireSignIn } from "../../../service/login/requireSignIn.ts";

declare module "../../../service/session/session.ts" {
  interface SessionData {
    note?: string;
  }
}

export const application: Application = {
  folder: "notes",
  home: "/notes",
  api: "/api/note",
  start: { title: "Keep a note", text: "One note, for as long as you are signed in." },

  routes() {
    const routes = Router();
    routes.use(["/notes", "/api/note"], requireSignIn);
    routes.get("/notes", (req, res) => {
      const body = html`<main class="content">
<h1>Your note</h1>
<form class="field" method="post">
<input type="hidden" name="_csrf" value="${req.session.csrf_token}">
<label for="note">Note</label>
<textarea id="note" name="note" maxlength="300">${req.session.note}</textarea>
<button class="button">Save</button>
</form>
</main>`;
      res.type("html").send(signedInPage(req.session, { title: "Your note", body }));
    });
    routes.post("/notes", (req, res) => {
      req.session.note = noteOf(req);
      res.redirect(303, "/notes");
    });
    routes.get("/api/note", (req, res) => void res.json({ note: req.session.note ?? "" }));
    routes.put("/api/note", (req, res) => {
      req.session.note = noteOf(req);
      res.json({ note: noteOf(req) });
    });
    return routes;
  },
};

/** The note in a form's or a JSON body. */
function noteOf(req: Request): string {
  const note: unknown = req.body?.note;
  return typeof note === "string" ? note.slice(0, 300) : "";
}
