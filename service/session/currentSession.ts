import { randomBytes } from "node:crypto";
import type { ErrorRequestHandler, Request, Response } from "express";
import { OperatorError } from "../contract/errors.ts";
import type { EventLog } from "../process/eventLog.ts";
import type { Seconds } from "../pure/seconds.ts";
import { NoSessionError, SessionChangedLateError } from "./errors.ts";
import { plainJson } from "./plainJson.ts";
import type { Credential, Session, SignedIn } from "./session.ts";

const SID_BYTES = 16;
const CSRF_TOKEN_BYTES = 32;

/** Reads and stores the data of one kind of session: sealed cookies or files. */
export interface SessionStore {
  /** The data that came with the request. Never throws. */
  open(current: CurrentSession): Readonly<Record<string, unknown>>;
  /**
   * Stores the changes before the response's headers are sent.
   * @throws OperatorError if they can't be stored; then no header has been set.
   */
  keep(current: CurrentSession, changes: SessionChanges, res: Response): void;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  /** Seconds from sign-in until a session ends. */
  readonly lifetime: Seconds;
  readonly log: EventLog;
  /** Sends the error response to a request whose session can't be stored, synchronously. */
  readonly onError: ErrorRequestHandler;
}

export interface SessionChanges {
  readonly credential: "kept" | "started" | "ended";
  /** JSON of the data; undefined if it did not change. */
  readonly data: string | undefined;
}

/** "open" until the headers are sent; then the changes are stored, or an error is the response. */
type Phase = "open" | "kept" | "refused";

const NO_TOKEN = (): string | undefined => undefined;

/** The session of one request. */
export class CurrentSession {
  credential: Credential | undefined;
  /** Reads the signed-in user's ID token; undefined if it did not fit into the cookie. */
  idToken: () => string | undefined;
  phase: Phase = "open";
  /** What the store read from the request; only the store knows its type. */
  readonly received: unknown;
  readonly #store: SessionStore;
  readonly #req: Request;
  #change: SessionChanges["credential"] = "kept";
  #session: Session | undefined;
  /** JSON of the data as it was last read or stored. */
  #before = "{}";

  constructor(
    store: SessionStore,
    req: Request,
    credential: Credential | undefined,
    idToken: () => string | undefined = NO_TOKEN,
    received?: unknown,
  ) {
    this.#store = store;
    this.#req = req;
    this.credential = credential;
    this.idToken = idToken;
    this.received = received;
  }

  get session(): Session {
    this.#session ??= this.#show(this.credential === undefined ? {} : this.#store.open(this));
    // The close event is over, so nothing else would notice what changes now.
    if (this.#req.res?.closed) setImmediate(reportLateData.bind(this.#req.res));
    return this.#session;
  }

  get onError(): ErrorRequestHandler {
    return this.#store.onError;
  }

  start({ user_id, user_email, id_token, iat: begins, ...provider }: SignedIn): void {
    const { clock, lifetime } = this.#store;
    const iat = begins ?? clock();
    const csrf_token = randomBytes(CSRF_TOKEN_BYTES).toString("base64url");
    const sid = randomBytes(SID_BYTES).toString("base64url");
    const times = { iat, exp: iat + lifetime };
    const credential = { sid, ...times, user_id, user_email, csrf_token, ...provider };
    this.#changeCredential("started", credential, () => id_token);
  }

  end(): void {
    this.#changeCredential("ended", undefined);
  }

  /** Called once, before the headers are sent. Throws as `SessionStore.keep` does. */
  keep(res: Response): void {
    const data = this.#changedData();
    if (data !== undefined && this.credential === undefined) {
      throw new NoSessionError(Object.keys(JSON.parse(data)));
    }
    this.#store.keep(this, { credential: this.#change, data }, res);
    if (data !== undefined) this.#before = data;
  }

  /** Logs an error for which it is too late to send an error response. */
  report(event: string, error: unknown): void {
    const { method, path, res } = this.#req;
    const cause =
      error instanceof OperatorError ? { code: error.code, cause: error.message } : { err: error };
    const line = { event, ...cause, ...res?.locals.trace };
    this.#store.log.error(line, `${method} ${path}: the session was not kept`);
  }

  #changeCredential(
    change: SessionChanges["credential"],
    credential: Credential | undefined,
    idToken = NO_TOKEN,
  ): void {
    if (this.phase !== "open" || this.#req.res?.headersSent === true) {
      this.report("session_not_kept", new SessionChangedLateError(`The session was ${change}`));
      return;
    }
    this.#change = change;
    this.credential = credential;
    this.idToken = idToken;
    this.#show({});
  }

  #show(data: Readonly<Record<string, unknown>>): Session {
    if (this.#session === undefined) this.#req.res?.on("close", reportLateData);
    this.#session = new VisibleSession(this.credential, this.idToken, data);
    this.#before = JSON.stringify(this.#session);
    return this.#session;
  }

  #changedData(): string | undefined {
    if (this.#session === undefined) return undefined;
    const json = plainJson(this.#session);
    return json === this.#before ? undefined : json;
  }

  reportLateData(): void {
    if (this.phase !== "kept") return;
    try {
      if (this.#changedData() === undefined) return;
    } catch {
      // Data that can't be serialized has changed too.
    }
    this.phase = "refused";
    this.report("session_not_kept", new SessionChangedLateError("The session's data changed"));
  }
}

/**
 * `req.session`. A class, and not `Object.create(identity)`: V8 makes a hidden class for each
 * object that is used as a prototype, and keeps it until the next full garbage collection.
 */
class VisibleSession implements Session {
  readonly #credential: Credential | undefined;
  readonly #idToken: () => string | undefined;

  constructor(
    credential: Credential | undefined,
    idToken: () => string | undefined,
    data: Readonly<Record<string, unknown>>,
  ) {
    this.#credential = credential;
    this.#idToken = idToken;
    // Unlike an assignment, does not throw for an identity field, which has no setter.
    for (const name of Object.keys(data)) Reflect.set(this, name, data[name]);
  }

  get user_id() {
    return this.#credential?.user_id;
  }
  get user_email() {
    return this.#credential?.user_email;
  }
  get csrf_token() {
    return this.#credential?.csrf_token;
  }
  get id_token() {
    return this.#idToken();
  }
}

// Without this a field named `__proto__`, merged from a request's body, would replace the identity.
Object.setPrototypeOf(VisibleSession.prototype, null);

const CURRENT = Symbol("session");

interface WithSession {
  [CURRENT]?: CurrentSession;
}

function reportLateData(this: Response): void {
  findSession(this.req)?.reportLateData();
}

/** The request's session; undefined before the session middleware has run. */
export function findSession(req: object): CurrentSession | undefined {
  return (req as WithSession)[CURRENT];
}

export function setSession(req: Request, current: CurrentSession): void {
  (req as WithSession)[CURRENT] = current;
}

/** @throws Error if the session middleware has not run: the route was added before it. */
export function currentSession(req: object): CurrentSession {
  const current = findSession(req);
  if (current === undefined) {
    throw new Error("The route runs before the sessions: add it after them.");
  }
  return current;
}
