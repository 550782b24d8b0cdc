import express from "express";
import { clipUrl, listen } from "./answer.ts";

/** Express without sessions: nothing on Express can be quicker. */
const app = express();
// The others have this route as well, and look at it first.
app.get("/sign-in", (_req, res) => {
  res.json({});
});
app.get("/api/clips/:clip/url", (req, res) => {
  res.json(clipUrl(req.params.clip));
});
listen(app);
