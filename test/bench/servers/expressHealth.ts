import express from "express";

/** Express from node_modules, with only a probe. */
const app = express();
app.get("/health/ready", (_req, res) => {
  res.json({ status: "ready" });
});
app.listen(Number(process.env.PORT), "127.0.0.1");
