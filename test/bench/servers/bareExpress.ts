import express from "express";
import { PATH } from "../visitor.ts";
import { ANSWER, listen } from "./answer.ts";

/** Express without sessions: nothing on Express can be quicker. */
const app = express();
if (process.env.ETAG === "off") app.disable("etag").disable("x-powered-by");
// The others have this route as well, and look at it first.
app.get("/sign-in", (_req, res) => {
  res.json({});
});
app.get(PATH, (_req, res) => {
  res.json(ANSWER);
});
listen(app);
