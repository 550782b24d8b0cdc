import assert from "node:assert";
import strict from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import express, { type ErrorRequestHandler } from "express";
import { pino } from "pino";

/**
 * An application that uses features that bundlers can break: data files of packages, dynamic
 * imports, threads, the program's folder. `sameAsUnbundled.test.ts` runs it bundled and unbundled.
 */
const app = express();
app.set("trust proxy", ["loopback", "2001:db8::/32"]);

app.get("/type/:type", (req, res) => {
  res.type(req.params.type).send(Buffer.from("body"));
});
app.post("/raw", express.raw({ type: () => true }), (req, res) => {
  res.json(req.body.toString("hex"));
});
app.post("/text", express.text({ type: () => true }), (req, res) => {
  res.json(req.body);
});
app.post("/json", express.json(), (req, res) => {
  res.json(req.body);
});
app.post("/form", express.urlencoded({ extended: true }), (req, res) => {
  res.json(req.body);
});
app.get("/ip", (req, res) => {
  res.json([req.ip, req.ips]);
});
app.get("/assert", (_req, res) => {
  const messageOf = (run: () => void) => {
    try {
      run();
      return "";
    } catch (error) {
      return String(error);
    }
  };
  res.json([
    assert === strict,
    messageOf(() => assert.equal(1, "1")),
    messageOf(() => strict.equal(1, "1")),
    messageOf(() => strict(0, "none")),
  ]);
});
app.get("/worker", (_req, res) => {
  const code = 'require("node:worker_threads").parentPort.postMessage(process.version)';
  new Worker(code, { eval: true }).once("message", (message) => res.json(message));
});
app.get("/late", async (_req, res) => {
  const { GoogleAuth } = await import("google-auth-library");
  const openid = await import("openid-client");
  const { default: session } = await import("express-session");
  const { default: store } = await import("session-file-store");
  const loaded = [GoogleAuth, openid.discovery, openid.Configuration, session, store(session)];
  res.json(loaded.map((value) => typeof value));
});
app.get("/log", (_req, res) => {
  const lines: string[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line) => lines.push(line) });
  log.warn({ err: new TypeError("broken") }, "%s of %d", "one", 2);
  res.json(lines.map((line) => JSON.parse(line)).map(({ err, ...rest }) => [rest, err.type]));
});
app.get("/throws", () => {
  throw new RangeError("broken");
});

const answerError: ErrorRequestHandler = (error, _req, res, _next) => {
  res.status(error.status ?? 500).json([String(error), error.type]);
};
app.use(answerError);

const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port} ${import.meta.dirname}\n`);
});
