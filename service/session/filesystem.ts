import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { SessionKeys } from "../keys/sessionKeys.ts";
import { once } from "../pure/once.ts";
import { cookieValue } from "./cookie.ts";
import { KeysUnavailableError } from "./sealer.ts";
import type { SessionData, SessionReport } from "./session.ts";

export interface FilesystemDeps {
  readonly name: string;
  readonly secure: boolean;
  /** Seconds. */
  readonly lifetime: number;
  readonly keys: SessionKeys;
  /** Where this instance, and no other, keeps its sessions. */
  readonly directory: string;
}

type Handler = (req: object, res: object, next: (error?: unknown) => void) => void;

/** The part of a request that express-session uses, and what it adds. */
interface StoredRequest {
  readonly headers: Request["headers"];
  readonly originalUrl: string;
  readonly socket: Request["socket"];
  readonly secure: boolean;
  readonly session?: { data?: SessionData };
}

/**
 * The fault that sealed cookies mend, kept to be looked at: each instance keeps its sessions on its
 * own disk, so a session is lost as soon as another instance answers. Run beside the request as
 * cookie-session is, so that the application sees the same plain `req.session`.
 */
export function filesystemSessions(deps: FilesystemDeps): RequestHandler {
  const handlerOf = once(() => createHandler(deps));

  return async function session(req: Request, res: Response, next: NextFunction): Promise<void> {
    await deps.keys.refresh();
    const handler = await handlerOf();
    const { headers, originalUrl, socket, secure } = req;
    const stored: StoredRequest = { headers, originalUrl, socket, secure };
    handler(stored, res, (error?: unknown) => {
      if (error !== undefined) {
        next(error);
        return;
      }
      const cookie = cookieValue(headers.cookie, deps.name) !== undefined;
      const data = stored.session?.data;
      res.locals.session = report(cookie, data);
      res.setHeader("Cache-Control", "no-store");
      const before = JSON.stringify(data ?? {});
      req.session = JSON.parse(before);
      saveAtEnd(req, res, stored, before);
      next();
    });
  };
}

/** The packages are loaded here, because no deployment needs them. */
async function createHandler({
  name,
  secure,
  lifetime,
  keys,
  directory,
}: FilesystemDeps): Promise<Handler> {
  const signer = keys.signer();
  if (signer === undefined) throw new KeysUnavailableError(5);
  const { default: expressSession } = await import("express-session");
  const { default: sessionFileStore } = await import("session-file-store");
  const FileStore = sessionFileStore(expressSession);
  return expressSession({
    name,
    secret: signer.secret.export().toString("base64"),
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: "lax", secure, maxAge: lifetime * 1000 },
    store: new FileStore({ path: directory, ttl: lifetime, retries: 0, logFn: () => {} }),
  });
}

/** A session that this instance doesn't know looks expired, as it did to the users. */
function report(cookie: boolean, data: SessionData | undefined): SessionReport {
  if (data !== undefined) return { session: "ok" };
  return { session: cookie ? "expired" : "none" };
}

/** express-session saves when the response ends, so what the application did is handed over first. */
function saveAtEnd(req: Request, res: Response, stored: StoredRequest, before: string): void {
  const end = res.end;
  res.end = function endWithSession(this: Response, ...args: Parameters<typeof end>) {
    res.end = end;
    if (stored.session) {
      if (req.session === null) delete stored.session.data;
      else if (JSON.stringify(req.session) !== before) stored.session.data = req.session;
    }
    return end.apply(this, args);
  } as typeof end;
}
