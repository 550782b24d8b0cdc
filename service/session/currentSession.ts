import { randomBytes } from "node:crypto";
import type { Request, Response } from "express";
import type { EventLog } from "../process/eventLog.ts";
import type { Seconds } from "../pure/seconds.ts";
import { NoSessionError, SessionChangedLateError } from "./errors.ts";
import { plainJson } from "./plainJson.ts";
import type { Credential, Identity, Session, SignedIn } from "./session.ts";

const SID_BYTES = 16;
const CSRF_TOKEN_BYTES = 32;

/** What one kind of session does with what a request changed. */
export interface SessionStore {
  /** The data that came with the request. Never throws. */
  open(current: CurrentSession): Readonly<Record<string, unknown>>;
  /**
   * Keeps what changed, before the response's headers are sent: sets headers, or hands it over.
   * @throws OperatorError if it can't be kept; then no header has been set.
   */
  keep(current: CurrentSession, changes: SessionChanges, res: Response): void;
  /** Unix time in seconds. */
  readonly clock: () => Seconds;
  /** Seconds from sign-in until a session ends. */
  readonly lifetime: Seconds;
  readonly log: EventLog;
}

export interface SessionChanges {
  readonly credential: "kept" | "started" | "ended";
  /** JSON of the data; undefined if it did not change. */
  readonly data: string | undefined;
}

/** Until the headers are sent a session can change; then it is kept, or an error is the answer. */
type Phase = "open" | "kept" | "refused";

/** The session of one request. */
export class CurrentSession {
  credential: Credential | undefined;
  phase: Phase = "open";
  /** What the store has found in the request. */
  readonly received: unknown;
  readonly #store: SessionStore;
  readonly #req: Request;
  #change: SessionChanges["credential"] = "kept";
  #session: Session | undefined;
  /** JSON of the data as the browser has it. */
  #before = "{}";

  constructor(
    store: SessionStore,
    req: Request,
    credential: Credential | undefined,
    received?: unknown,
  ) {
    this.#store = store;
    this.#req = req;
    this.credential = credential;
    this.received = received;
  }

  get session(): Session {
    if (this.#session === undefined) {
      const data = this.credential === undefined ? {} : this.#store.open(this);
      this.#session = sessionOf(this.credential, data);
      this.#before = JSON.stringify(this.#session);
      this.#req.res?.once("close", () => this.#reportLateData());
    }
    return this.#session;
  }

  start({ user_id, user_email, id_token, ...provider }: SignedIn): void {
    const { clock, lifetime } = this.#store;
    const iat = clock();
    const csrf_token = randomBytes(CSRF_TOKEN_BYTES).toString("base64url");
    const sid = randomBytes(SID_BYTES).toString("base64url");
    this.#changeCredential("started", {
      ...{ sid, iat, exp: iat + lifetime, user_id, user_email, csrf_token, id_token },
      ...provider,
    });
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

  /** Logs what a handler did too late: the answer is under way and stands. */
  reportLate(what: string): void {
    const { trace } = this.#req.res?.locals ?? {};
    const { code, message: cause } = new SessionChangedLateError(what);
    const { method, path } = this.#req;
    const message = `${method} ${path}: the session was not kept`;
    this.#store.log.error({ event: "session_not_kept", code, cause, ...trace }, message);
  }

  #changeCredential(
    change: SessionChanges["credential"],
    credential: Credential | undefined,
  ): void {
    if (this.phase !== "open" || this.#req.res?.headersSent === true) {
      this.reportLate(`The session was ${change}`);
      return;
    }
    this.#change = change;
    this.credential = credential;
    this.#session = sessionOf(credential, {});
    this.#before = "{}";
  }

  #changedData(): string | undefined {
    if (this.#session === undefined) return undefined;
    const json = plainJson(this.#session);
    return json === this.#before ? undefined : json;
  }

  #reportLateData(): void {
    if (this.phase !== "kept") return;
    try {
      if (this.#changedData() === undefined) return;
    } catch {
      // What isn't JSON has changed as well.
    }
    this.reportLate("The session's data changed");
  }
}

type IdentityFields = { readonly [Field in keyof Identity]: Identity[Field] | undefined };

const NOBODY = identity({
  user_id: undefined,
  user_email: undefined,
  csrf_token: undefined,
  id_token: undefined,
});

/**
 * Without a prototype: a field named `__proto__`, merged from a request's body, then is a field like
 * any other and can't put another identity in the place of this one.
 */
function identity({ user_id, user_email, csrf_token, id_token }: IdentityFields): object {
  return Object.freeze({ __proto__: null, user_id, user_email, csrf_token, id_token });
}

function sessionOf(credential: Credential | undefined, data: object): Session {
  const session = Object.create(credential === undefined ? NOBODY : identity(credential));
  return Object.assign(session, data);
}

const CURRENT = Symbol("session");

interface WithSession {
  [CURRENT]?: CurrentSession;
}

/** The request's session; `undefined` where no session was looked for. */
export function findSession(req: object): CurrentSession | undefined {
  return (req as WithSession)[CURRENT];
}

export function setSession(req: Request, current: CurrentSession): void {
  (req as WithSession)[CURRENT] = current;
}

/** @throws Error if the sessions come after whoever asks. */
export function currentSession(req: object): CurrentSession {
  const current = findSession(req);
  if (current === undefined) {
    throw new Error("The session is used before it is read: add the route after the sessions.");
  }
  return current;
}
