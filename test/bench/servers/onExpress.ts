import express, { type Express, type Request, type RequestHandler } from "express";
import { clipUrl, isSignedIn, listen, REFUSAL, sessionOf } from "./answer.ts";

/** Serves with a session middleware that puts the session at `req.session`. */
export function serveOnExpress(sessions: RequestHandler): void {
  serveClips((app) => {
    app.use(sessions);
    app.get("/sign-in", (req, res) => {
      Object.assign(req.session ?? {}, sessionOf(req.query));
      res.json({});
    });
  });
}

/** Serves one clip's URL to whoever has a session. */
export function serveClips(addSessions: (app: Express) => void): void {
  const app = express();
  addSessions(app);
  app.get("/api/clips/:clip/url", (req: Request, res) => {
    if (isSignedIn(req.session)) res.json(clipUrl(String(req.params.clip)));
    else res.status(401).json(REFUSAL);
  });
  listen(app);
}
