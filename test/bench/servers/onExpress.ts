import express, { type Express, type Request, type RequestHandler } from "express";
import { PATH } from "../visitor.ts";
import { ANSWER, isSignedIn, listen, REFUSAL, sessionOf } from "./answer.ts";

/** Serves with a session middleware that sets `req.session`. */
export function serveOnExpress(sessions: RequestHandler): void {
  serveAnswer(
    (app) => app.use(sessions),
    (req) => Object.assign(req.session ?? {}, sessionOf(req.query)),
  );
}

/** Answers requests with a session. */
export function serveAnswer(
  addSessions: (app: Express) => void,
  signIn: (req: Request) => void,
): void {
  const app = express();
  addSessions(app);
  app.get("/sign-in", (req, res) => {
    signIn(req);
    res.json({});
  });
  app.get(PATH, (req: Request, res) => {
    if (isSignedIn(req.session)) res.json(ANSWER);
    else res.status(401).json(REFUSAL);
  });
  listen(app);
}
