import { createReadStream, readFile } from "node:fs";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createGzip } from "node:zlib";
import express, { type Express, type Request, type Response } from "express";
import { errorHandler } from "../../../service/http/errorPages.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { createLog } from "../../../service/process/log.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { startSession } from "../../../service/session/session.ts";
import { createSessions } from "../../../service/session/sessions.ts";
import { endedHere } from "../../support/endedHere.ts";

const VISITOR = {
  user_id: "ada",
  id_token: "a.b.c",
  iss: "https://accounts.example",
  of_domain: true,
};

type Style = (res: Response, change: () => void) => unknown;

/** Every way to respond "done" after the session has changed. */
const STYLES: Record<string, (res: Response) => unknown> = {
  send: (res) => res.send("done"),
  json: (res) => res.json({ done: true }),
  html: (res) => res.status(201).type("html").send("<p>done</p>"),
  sendStatus: (res) => res.sendStatus(202),
  redirect: (res) => res.redirect("/elsewhere"),
  end: (res) => res.end("done"),
  "end with a callback": (res) => res.end("done", () => {}),
  "write and end": (res) => {
    res.write("do", () => {});
    res.end("ne");
  },
  "writeHead and end": (res) =>
    res.writeHead(200, { "Content-Type": "video/mp4", "Set-Cookie": "a=b" }).end("done"),
  "writeHead with a list": (res) => {
    res.writeHead(200, "Fine", ["ETag", '"1"', "Set-Cookie", "a=b"]);
    res.end("done");
  },
  flushHeaders: (res) => {
    res.flushHeaders();
    res.end("done");
  },
  pipe: (res) => Readable.from(["do", "ne"]).pipe(res),
  pipeline: (res) => pipeline(Readable.from(["do", "ne"]), res),
  sendFile: (res) => res.sendFile(import.meta.filename),
  download: (res) => res.download(import.meta.filename),
  "pipeline of a file": (res) => pipeline(createReadStream(import.meta.filename), res),
  "send through compression": (res) => compressed(res).send("done"),
  "writes through compression": (res) => {
    compressed(res).write("do");
    setImmediate(() => res.end("ne"));
  },
};

/** Wraps a response's methods as the package compression does. */
function compressed(res: Response): Response {
  const { writeHead, write, end } = res;
  const gzip = createGzip();
  gzip.on("data", (chunk) => write.call(res, chunk, "utf8"));
  gzip.on("end", () => end.call(res, undefined, "utf8"));
  const begin = () => {
    if (!res.headersSent) res.writeHead(res.statusCode);
  };
  return Object.assign(res, {
    writeHead(status: number) {
      res.setHeader("Content-Encoding", "gzip").removeHeader("Content-Length");
      return writeHead.call(res, status);
    },
    write(chunk: string) {
      begin();
      return gzip.write(chunk);
    },
    end(chunk: string) {
      begin();
      gzip.end(chunk);
      return res;
    },
  });
}

/** Ways that change the session after the handler has returned. */
const LATER_STYLES: Record<string, Style> = {
  "a callback": (res, change) =>
    readFile(import.meta.filename, () => {
      change();
      res.send("done");
    }),
  "a stream in a callback": (res, change) =>
    readFile(import.meta.filename, () => {
      change();
      Readable.from(["do", "ne"]).pipe(res);
    }),
  "a timer": (res, change) =>
    setTimeout(() => {
      change();
      res.json({ done: true });
    }, 1),
  "after an await": async (res, change) => {
    await delay(1);
    change();
    res.send("done");
  },
};

/** Ways to change the session after the headers were sent; the response is "done" all the same. */
const LATE_STYLES: Record<string, Style> = {
  "after flushHeaders": (res, change) => {
    res.flushHeaders();
    change();
    res.end("done");
  },
  "after a write": (res, change) => {
    res.write("do");
    setImmediate(() => {
      change();
      res.end("ne");
    });
  },
  "after the answer": (res, change) => {
    res.send("done");
    change();
  },
  "after the answer to a sign-in": (res, change) => {
    startSession(res.req, VISITOR);
    res.send("done");
    change();
  },
  "after the response has closed": (res, change) => {
    res.on("close", () => setImmediate(change));
    res.send("done");
  },
  "after the answer of a callback": (res, change) =>
    readFile(import.meta.filename, () => {
      res.send("done");
      change();
    }),
};

const cycle: Record<string, unknown> = {};
cycle.again = cycle;

/** Every change for which a session can't be stored. */
const CHANGES: Record<string, (req: Request) => void> = {
  "too large": (req) => keep(req, "x".repeat(6_000)),
  "a BigInt": (req) => keep(req, 1n),
  "a cycle": (req) => keep(req, cycle),
  "a Map": (req) => keep(req, [new Map()]),
  "a date": (req) => keep(req, { deep: { at: new Date() } }),
  "not a number": (req) => keep(req, Number.NaN),
  "a function": (req) => keep(req, () => {}),
  "a match": (req) => keep(req, "a note".match(/note/)),
  "a getter that throws": (req) =>
    keep(req, Object.defineProperty({}, "x", { enumerable: true, get: fail })),
  "a getter of its own that throws": (req) =>
    Object.defineProperty(req.session, "notes", { enumerable: true, get: fail }),
  "nothing wrong with it": (req) => keep(req, "short"),
  "a sign-in": (req) => startSession(req, VISITOR),
  "a sign-in that is too large": (req) =>
    startSession(req, { ...VISITOR, user_email: `${"notes".repeat(1_000)}@example.com` }),
};

function keep(req: Request, notes: unknown): void {
  Object.assign(req.session, { notes });
}

function fail(): never {
  throw new Error("thrown by a getter");
}

function createApp(cookieSecure: boolean): Express {
  const app = express();
  app.set("etag", false);
  const log = createLog({ level: "info" });
  const keys = createStaticKeys("a secret of more than thirty-two characters");
  const clock = () => Math.floor(Date.now() / 1000);
  const sealer = createSealer({ keys, environment: "test", clock });
  const settings = { sessionType: "cookie", sessionLifetime: 600, instance: "test" } as const;
  const onError = errorHandler({ log });
  const ended = endedHere(clock);
  createSessions({ ...settings, cookieSecure, keys, sealer, ended, clock, log })(app, onError);
  app.get("/sign-in", (req, res) => {
    startSession(req, VISITOR);
    res.send("done");
  });
  app.get("/slow", async (_req, res) => {
    await delay(50);
    res.send("done");
  });
  app.get("/answer", (req, res) => {
    const { style = "", change = "", request } = req.query as Record<string, string>;
    res.locals.trace = { request };
    const apply = () => CHANGES[change]?.(req);
    const later = { ...LATER_STYLES, ...LATE_STYLES }[style];
    if (later !== undefined) return later(res, apply);
    apply();
    return STYLES[style]?.(res);
  });
  app.use(onError);
  return app;
}

const servers = [false, true].map((secure) =>
  createServer(createApp(secure)).listen(0, "127.0.0.1"),
);
let listening = 0;
for (const server of servers) {
  server.once("listening", () => {
    listening += 1;
    if (listening < servers.length) return;
    const ports = servers.map((one) => (one.address() as { port: number }).port);
    const styles = Object.keys({ ...STYLES, ...LATER_STYLES });
    const [late, changes] = [LATE_STYLES, CHANGES].map((of) => Object.keys(of));
    process.stdout.write(`${JSON.stringify({ ports, styles, late, changes })}\n`);
  });
}
