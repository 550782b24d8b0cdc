import { setTimeout as delay } from "node:timers/promises";
import { application } from "../../service/application.ts";
import { ada, grace, type LocalUser } from "../local/identity/users.ts";
import type { BrowserRequest } from "../support/browser.ts";
import { answerOfProvider, csrfTokenIn, signIn, type Visitor } from "../support/signIn.ts";

/** The response to a request of a signed-in user, or a broken connection. */
export interface Answer {
  /** Time of the request, in milliseconds of `performance.now()`. */
  readonly at: number;
  readonly answeredAt: number;
  readonly user: number;
  readonly request: "api" | "page" | "post" | "sign-in";
  /** 0 if the connection broke. */
  readonly status: number;
  /** The key of the session that was sent. */
  readonly kid: string | undefined;
  /** Whether the response deleted the session's cookie. */
  readonly cleared: boolean;
}

interface LoadOptions {
  readonly users: number;
  /** Milliseconds between a response and the next request of the same user. */
  readonly pause: number;
  /** Number of requests after which a user signs in again, which creates a new session. */
  readonly signInEvery: number;
  /** Whether they send forms, too, which no balancer may send twice. */
  readonly posts?: boolean;
}

/** No route has it, so 404 is the answer to whoever has a session and its CSRF token. */
const NOWHERE = "/nowhere";

const COOKIE = "session";

/** Users who sign in and then use the application continuously. */
export class FleetLoad {
  readonly answers: Answer[] = [];
  readonly #options: LoadOptions;
  readonly #people: readonly Visitor[];
  readonly #done: Promise<unknown>;
  #stopped = false;

  private constructor(people: readonly Visitor[], options: LoadOptions) {
    this.#people = people;
    this.#options = options;
    this.#done = Promise.all(people.map((person, user) => this.#use(person, user)));
  }

  /** Resolves when all users have signed in and begun. */
  static async start(site: string, options: LoadOptions): Promise<FleetLoad> {
    const people: Visitor[] = [];
    for (let user = 0; user < options.users; user += 1) {
      people.push(await signIn(site, personOf(user)));
    }
    return new FleetLoad(people, options);
  }

  /** The current session cookies of all users. */
  cookies(): string[] {
    return this.#people.map((person) => person.cookies.get(COOKIE) ?? "");
  }

  /** The keys of the current sessions. */
  kids(): (string | undefined)[] {
    return this.cookies().map(kidOf);
  }

  /** Stops after the responses in flight, and returns all responses. */
  async stop(): Promise<readonly Answer[]> {
    this.#stopped = true;
    await this.#done;
    return this.answers;
  }

  async #use(person: Visitor, user: number): Promise<void> {
    const { pause, signInEvery, posts = false } = this.#options;
    let token: string | undefined;
    for (let turn = user; !this.#stopped; turn += 1) {
      if (turn % signInEvery === 0) await this.#signIn(person, user);
      else if (turn % 2 === 0) {
        token = csrfTokenIn(await this.#ask(person, user, "page", application.home)) ?? token;
      } else if (posts && turn % 4 === 1 && token !== undefined) {
        const request = { method: "POST", headers: { "x-csrf-token": token }, body: "" };
        await this.#ask(person, user, "post", NOWHERE, request);
      } else await this.#ask(person, user, "api", application.api);
      await delay(pause);
    }
  }

  /** Signs in again, and records the response of the callback. */
  async #signIn(person: Visitor, user: number): Promise<void> {
    let callback: string;
    try {
      callback = await answerOfProvider(person, personOf(user));
    } catch {
      // The session is unchanged.
      return;
    }
    await this.#ask(person, user, "sign-in", callback);
  }

  async #ask(
    person: Visitor,
    user: number,
    request: Answer["request"],
    path: string,
    options: BrowserRequest = {},
  ): Promise<string> {
    const at = performance.now();
    const kid = kidOf(person.cookies.get(COOKIE));
    let status = 0;
    let cleared = false;
    let body = "";
    try {
      const response = await person.fetch(path, options);
      body = await response.text();
      status = response.status;
      cleared = response.headers.getSetCookie().some(clears);
    } catch {
      // The connection broke, before the answer or in it.
    }
    this.answers.push({ at, answeredAt: performance.now(), user, request, status, kid, cleared });
    return body;
  }
}

function personOf(user: number): LocalUser {
  return user % 2 === 0 ? ada : grace;
}

/** The key ID in a session's cookie; undefined if the cookie is malformed. */
export function kidOf(cookie: string | undefined): string | undefined {
  const text = Buffer.from(cookie ?? "", "base64").toString("utf8");
  const [, kid] = /^\{"sealed":"v1\.([^."]+)\./.exec(text) ?? [];
  return kid;
}

/** A forged cookie with a key ID. */
export function forgedCookie(kid: string, bytes: Uint8Array): string {
  const token = `v1.${kid}.${Buffer.from(bytes).toString("base64url")}`;
  return Buffer.from(JSON.stringify({ sealed: token })).toString("base64");
}

export function sessionHeader(cookie: string): { readonly cookie: string } {
  return { cookie: `${COOKIE}=${cookie}` };
}

/** Whether a Set-Cookie header deletes the session's cookie. */
function clears(setCookie: string): boolean {
  return (
    setCookie.startsWith(`${COOKIE}=`) &&
    (setCookie.startsWith(`${COOKIE}=;`) || /;\s*max-age=(0|-\d+)\b/i.test(setCookie))
  );
}
