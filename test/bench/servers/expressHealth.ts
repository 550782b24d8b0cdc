import express from "express";

/** Express as it is installed, with nothing but a probe. */
const app = express();
app.get("/health/ready", (_req, res) => {
  res.json({ status: "ready" });
});
app.listen(Number(process.env.PORT), "127.0.0.1");
