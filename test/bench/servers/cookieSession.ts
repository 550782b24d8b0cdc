import cookieSession from "cookie-session";
import type { RequestHandler } from "express";
import { SECRET } from "../visitor.ts";
import { serveOnExpress } from "./onExpress.ts";

/** cookie-session as in its README: signed, not encrypted. */
const create = cookieSession as unknown as (options: object) => RequestHandler;
serveOnExpress(create({ name: "session", keys: [SECRET], maxAge: 604_800_000, sameSite: "lax" }));
