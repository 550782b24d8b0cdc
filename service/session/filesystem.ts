import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { SessionKeys } from "../keys/sessionKeys.ts";
import type { EventLog } from "../process/eventLog.ts";
import { once } from "../pure/once.ts";
import type { Seconds } from "../pure/seconds.ts";
import { cookieAttributes, cookieValue, sessionCookie } from "./cookie.ts";
import { CurrentSession, type SessionStore, setSession } from "./currentSession.ts";
import { KeysUnavailableError } from "./errors.ts";
import type { Credential, SessionReport } from "./session.ts";
import { defineSession, keepBeforeHeaders } from "./sessionHooks.ts";
import type { AddSessions } from "./sessions.ts";

export interface FilesystemDeps {
  readonly secure: boolean;
  readonly lifetime: Seconds;
  readonly keys: SessionKeys;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly log: EventLog;
  /** Folder of this instance's session files. */
  readonly directory: string;
}

type Handler = (req: object, res: object, next: (error?: unknown) => void) => void;

/** The part of a request that express-session uses, and what it adds. */
interface StoredRequest {
  readonly headers: Request["headers"];
  readonly originalUrl: string;
  readonly socket: Request["socket"];
  readonly secure: boolean;
  readonly session?: {
    credential?: Credential;
    idToken?: string | undefined;
    data?: Readonly<Record<string, unknown>>;
  };
}

/**
 * Demonstrates the original fault, which sealed cookies fix: each instance keeps its sessions on
 * its own disk, so a session is lost as soon as another instance answers.
 */
export function filesystemSessions(deps: FilesystemDeps): AddSessions {
  const { name } = sessionCookie(deps.secure);
  const handlerOf = once(() => createHandler(name, deps));

  const files: Omit<SessionStore, "onError"> = {
    ...deps,
    open: ({ received }) => (received as StoredRequest).session?.data ?? {},
    keep({ credential, idToken, received }, changes) {
      const { session } = received as StoredRequest;
      if (session === undefined) return;
      if (changes.credential !== "kept") delete session.data;
      if (changes.credential === "ended") delete session.credential;
      if (changes.credential === "started" && credential) {
        Object.assign(session, { credential, idToken: idToken() });
      }
      if (changes.data !== undefined) session.data = JSON.parse(changes.data);
    },
  };

  return (app, onError) => {
    defineSession(app);
    const store: SessionStore = { ...files, onError };
    app.use(async function session(req: Request, res: Response, next: NextFunction) {
      await deps.keys.refresh();
      const handler = await handlerOf();
      const { headers, originalUrl, socket, secure } = req;
      const stored: StoredRequest = { headers, originalUrl, socket, secure };
      handler(stored, res, (error?: unknown) => {
        if (error !== undefined) {
          next(error);
          return;
        }
        const credential = stored.session?.credential;
        const idToken = () => stored.session?.idToken;
        const hadCookie = cookieValue(headers.cookie, name) !== undefined;
        res.locals.session = report(hadCookie, credential);
        res.setHeader("Cache-Control", "no-store");
        setSession(req, new CurrentSession(store, req, credential, idToken, stored));
        // Wraps express-session's own methods on this response, which save the session.
        const { writeHead, write, end, flushHeaders } = res;
        keepBeforeHeaders(res, () => ({ writeHead, write, end, flushHeaders }));
        next();
      });
    } satisfies RequestHandler);
  };
}

/** Imports the packages on first use, because no deployment needs them. */
async function createHandler(
  name: string,
  { secure, lifetime, keys, directory }: FilesystemDeps,
): Promise<Handler> {
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
    cookie: { ...cookieAttributes(secure), maxAge: lifetime * 1000 },
    store: new FileStore({ path: directory, ttl: lifetime, retries: 0, logFn: () => {} }),
  });
}

/** A cookie whose session this instance doesn't have counts as expired, as it looked to users. */
function report(hadCookie: boolean, credential: Credential | undefined): SessionReport {
  if (credential !== undefined) return { session: "ok" };
  return { session: hadCookie ? "expired" : "none" };
}
