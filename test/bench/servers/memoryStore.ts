import type { RequestHandler } from "express";
import expressSession from "express-session";
import { SECRET } from "../visitor.ts";
import { serveOnExpress } from "./onExpress.ts";

/** express-session with its own store: sessions are objects of this process. */
const create = expressSession as unknown as (options: object) => RequestHandler;
serveOnExpress(create({ secret: SECRET, resave: false, saveUninitialized: false }));
