import express from "express";
import { getIronSession } from "iron-session";
import { PATH, SECRET } from "../visitor.ts";
import { ANSWER, isSignedIn, listen, REFUSAL, sessionOf } from "./answer.ts";

/** iron-session on Express: encrypted with AES-256-CBC, authenticated with HMAC-SHA256. */
const options = { password: SECRET, cookieName: "session", cookieOptions: { secure: false } };
const app = express();
app.get("/sign-in", async (req, res) => {
  const session = await getIronSession(req, res, options);
  Object.assign(session, sessionOf(req.query));
  await session.save();
  res.json({});
});
app.get(PATH, async (req, res) => {
  const session = await getIronSession(req, res, options);
  if (isSignedIn(session)) res.json(ANSWER);
  else res.status(401).json(REFUSAL);
});
listen(app);
