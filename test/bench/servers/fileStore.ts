import type { RequestHandler } from "express";
import expressSession from "express-session";
import sessionFileStore from "session-file-store";
import { SECRET } from "../visitor.ts";
import { serveOnExpress } from "./onExpress.ts";

/** express-session with files, like the original application. */
const create = expressSession as unknown as (options: object) => RequestHandler;
const FileStore = sessionFileStore(expressSession);
const store = new FileStore({
  path: process.env.SESSION_DIRECTORY ?? "",
  ttl: 604_800,
  retries: 0,
  logFn: () => {},
});
serveOnExpress(create({ secret: SECRET, resave: false, saveUninitialized: false, store }));
