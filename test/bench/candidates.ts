import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { NODE_FLAGS } from "../../infra/web/serviceContainer.ts";
import type { ServerCommand } from "./childServer.ts";
import { createPhoenixCookies, PATH, SECRET } from "./visitor.ts";
import type { WorkFolder } from "./workFolder.ts";

/** One of the servers that are compared: a row of the table. */
export interface Candidate {
  readonly name: string;
  readonly title: string;
  readonly start: ServerCommand;
  /**
   * Where visitors' cookies come from: the server's own sign-in, the service's sealer, or nowhere
   * because the server has no sessions.
   */
  readonly cookies: "sign-in" | "none" | ((visitor: number) => string);
  /** Whether each visitor has saved something in their session. */
  readonly saved?: boolean;
}

/** A candidate that can't run here, and why. */
export interface MissingCandidate {
  readonly name: string;
  readonly title: string;
  readonly reason: string;
}

/** The names by which goals refer to rows. */
export const BARE = "bare";
export const WITHOUT_ETAG = "without-etag";
export const PHOENIX = "phoenix";
export const SAVED = "saved";
export const ENDED = "ended";
export const COOKIE_SESSION = "cookie-session";
export const FLASK = "flask";
export const APPLICATION = "application";
export const WITHOUT_SESSIONS = "without-sessions";

/** Visitors whose requests come in turns: too many for a server to have the last one cached. */
export const VISITORS = 2000;

export function candidates(work: WorkFolder): (Candidate | MissingCandidate)[] {
  // As the service is deployed, and the others likewise.
  const node = (source: string) => ["node", ...NODE_FLAGS, work.compile(source)];
  const { directory } = work.unpackService();
  const files = work.folder("sessions");
  const phoenix = { command: node("phoenixSessions.ts") };
  const own = (name: string, title: string, source: string): Candidate => ({
    name,
    title,
    start: { command: node(source), env: { SESSION_DIRECTORY: files } },
    cookies: "sign-in",
  });
  return [
    {
      ...own(BARE, "Express 5, no session", "bareExpress.ts"),
      cookies: "none",
    },
    {
      ...own(WITHOUT_ETAG, "  the same, without ETag", "bareExpress.ts"),
      start: { command: node("bareExpress.ts"), env: { ETAG: "off" } },
      cookies: "none",
    },
    {
      ...own(PHOENIX, "Phoenix sessions on Express 5", "phoenixSessions.ts"),
      start: phoenix,
    },
    {
      ...own(SAVED, "  the same, with saved data", "phoenixSessions.ts"),
      start: phoenix,
      saved: true,
    },
    {
      ...own(ENDED, "  the same, a million ended", "phoenixSessions.ts"),
      start: { ...phoenix, env: { ENDED: "1000000" } },
    },
    own(COOKIE_SESSION, "cookie-session, signed", "cookieSession.ts"),
    own("memory-store", "express-session, memory store", "memoryStore.ts"),
    own("file-store", "express-session, file store", "fileStore.ts"),
    own("iron-session", "iron-session on Express 5", "ironSession.ts"),
    { ...own("fastify", "Fastify, no session", "bareFastify.ts"), cookies: "none" },
    own("secure-session", "Fastify, secure-session", "secureSession.ts"),
    flask(),
    {
      name: APPLICATION,
      title: "The whole application, as deployed",
      start: {
        command: ["node", ...NODE_FLAGS, "index.js"],
        cwd: directory,
        env: { SECRET_KEY: SECRET, SESSION_COOKIE_SECURE: "false" },
      },
      cookies: createPhoenixCookies(),
    },
    {
      ...own(WITHOUT_SESSIONS, "  the same, without sessions", "withoutSessions.ts"),
      start: { command: node("withoutSessions.ts"), env: { SERVICE_DIRECTORY: directory } },
      cookies: "none",
    },
  ];
}

/** One worker and eight threads, as Google's documentation of Cloud Run starts Flask. */
function flask(): Candidate | MissingCandidate {
  const title = "Flask under gunicorn";
  const python = spawnSync("python3", ["-c", "import flask"]);
  const gunicorn = spawnSync("gunicorn", ["--version"]);
  if (python.status !== 0 || gunicorn.status !== 0) {
    return { name: FLASK, title, reason: "not installed: apt-get install gunicorn python3-flask" };
  }
  const options = ["--workers", "1", "--threads", "8", "--timeout", "0", "--log-level", "critical"];
  return {
    name: FLASK,
    title,
    start: {
      // gunicorn listens on PORT of the environment.
      command: ["gunicorn", ...options, "app:app"],
      cwd: join(import.meta.dirname, "servers"),
      env: { SECRET_KEY: SECRET, API_PATH: PATH, PYTHONDONTWRITEBYTECODE: "1" },
    },
    cookies: "sign-in",
  };
}
