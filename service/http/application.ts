import type { Router } from "express";
import type { EventLog } from "../process/eventLog.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { Sealer } from "../session/sealer.ts";

/**
 * What is served behind sign-in. It lives in one folder of `service/` and is plugged in by one
 * line, in service/application.ts.
 *
 * @example
 * export const application: Application = {
 *   folder: "notes",
 *   home: "/notes",
 *   api: "/api/note",
 *   start: { title: "Keep a note", text: "One note, for as long as you are signed in." },
 *   routes: () => Router().get(["/notes", "/api/note"], requireSignIn, (_req, res) => ...),
 * };
 */
export interface Application {
  /**
   * Name of its folder in `service/`. Files in the folder's `public/` are served below
   * `/static/FOLDER/`; a `page/main.ts` is compiled to `/static/FOLDER/page.js`.
   */
  readonly folder: string;
  /** Path of the page that one comes to after sign-in; it needs sign-in. */
  readonly home: string;
  /** Path below `/api/` that answers GET with 200, and with 401 to those who aren't signed in. */
  readonly api: string;
  /** What the start page says to those who aren't signed in. */
  readonly start: { readonly title: string; readonly text: string };
  /** Its routes; session, body parsers and the CSRF check come before them. */
  routes(deps: ApplicationDeps): Router;
}

/** What the platform gives to an application. */
export interface ApplicationDeps {
  /** The application's folder on disk. */
  readonly directory: string;
  /** Name of this instance, random for each process. */
  readonly instance: string;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly log: EventLog;
  /** Seals tokens of the application's own purposes with the service's keys. */
  readonly sealer: Sealer;
}
