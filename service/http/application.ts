import type { Router } from "express";
import type { EventLog } from "../process/eventLog.ts";
import type { Seconds } from "../pure/seconds.ts";
import type { Sealer } from "../session/sealer.ts";

/**
 * The application that the platform serves behind sign-in. It is one folder of `service/`, and one
 * line in service/application.ts names it.
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
  /** Path of the page that users see after sign-in. It requires sign-in. */
  readonly home: string;
  /** Path below `/api/` that answers GET with 200, or with 401 if nobody is signed in. */
  readonly api: string;
  /** Content of the start page, which visitors see before they sign in. */
  readonly start: { readonly title: string; readonly text: string };
  /** Creates its routes. The session, the body parsers and the CSRF check run before them. */
  routes(deps: ApplicationDeps): Router;
}

/** Dependencies that the platform passes to an application. */
export interface ApplicationDeps {
  /** The application's folder on disk. */
  readonly directory: string;
  /** Random name of this instance. */
  readonly instance: string;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  readonly log: EventLog;
  /** Seals and signs tokens of the application with the service's keys. */
  readonly sealer: Sealer;
}
