import { setTimeout as delay } from "node:timers/promises";
import { application } from "../../service/application.ts";
import { ada, grace, type LocalUser } from "../local/identity/users.ts";
import { answerOfProvider, signIn, type Visitor } from "../support/signIn.ts";

/** An answer that somebody got who is signed in, or none. */
export interface Answer {
  /** When it was asked for, in milliseconds of `performance.now()`. */
  readonly at: number;
  readonly user: number;
  readonly request: "api" | "page" | "sign-in";
  /** 0 if the connection broke. */
  readonly status: number;
  /** The key that had sealed the session that was sent. */
  readonly kid: string | undefined;
  /** Whether the answer told the browser to forget the session. */
  readonly cleared: boolean;
}

export interface LoadOptions {
  readonly users: number;
  /** Milliseconds between an answer and the next request of the same person. */
  readonly pause: number;
  /** Everyone signs in again with every so many requests, which seals their session anew. */
  readonly signInEvery: number;
}

const COOKIE = "session";

/** People who sign in and then use the application without a break. */
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

  /** Resolves when all have signed in and begun. */
  static async start(site: string, options: LoadOptions): Promise<FleetLoad> {
    const people: Visitor[] = [];
    for (let user = 0; user < options.users; user += 1) {
      people.push(await signIn(site, personOf(user)));
    }
    return new FleetLoad(people, options);
  }

  /** Everyone's session as it is now, as their browser sends it. */
  cookies(): string[] {
    return this.#people.map((person) => person.cookies.get(COOKIE) ?? "");
  }

  /** The keys that have sealed the sessions. */
  kids(): (string | undefined)[] {
    return this.cookies().map(kidOf);
  }

  /** Ends it, after the answers that are still due, and returns them all. */
  async stop(): Promise<readonly Answer[]> {
    this.#stopped = true;
    await this.#done;
    return this.answers;
  }

  async #use(person: Visitor, user: number): Promise<void> {
    const { pause, signInEvery } = this.#options;
    for (let turn = user; !this.#stopped; turn += 1) {
      if (turn % signInEvery === 0) await this.#signIn(person, user);
      else if (turn % 2 === 0) await this.#ask(person, user, "page", application.home);
      else await this.#ask(person, user, "api", application.api);
      await delay(pause);
    }
  }

  /** Signs in again: the answer that counts is the callback's. */
  async #signIn(person: Visitor, user: number): Promise<void> {
    let callback: string;
    try {
      callback = await answerOfProvider(person, personOf(user));
    } catch {
      // Nothing of the session was asked for or changed yet.
      return;
    }
    await this.#ask(person, user, "sign-in", callback);
  }

  async #ask(
    person: Visitor,
    user: number,
    request: Answer["request"],
    path: string,
  ): Promise<void> {
    const answer = { at: performance.now(), user, request, kid: kidOf(person.cookies.get(COOKIE)) };
    try {
      const response = await person.fetch(path);
      await response.arrayBuffer();
      const { status, headers } = response;
      const cleared = headers.getSetCookie().some(clears);
      this.answers.push({ ...answer, status, cleared });
    } catch {
      this.answers.push({ ...answer, status: 0, cleared: false });
    }
  }
}

function personOf(user: number): LocalUser {
  return user % 2 === 0 ? ada : grace;
}

/** The key that a session's cookie names; undefined if it is none. */
export function kidOf(cookie: string | undefined): string | undefined {
  const text = Buffer.from(cookie ?? "", "base64").toString("utf8");
  const [, kid] = /^\{"sealed":"v1\.([^."]+)\./.exec(text) ?? [];
  return kid;
}

/** A cookie that names a key and was sealed by nobody. */
export function forgedCookie(kid: string, bytes: Uint8Array): string {
  const token = `v1.${kid}.${Buffer.from(bytes).toString("base64url")}`;
  return Buffer.from(JSON.stringify({ sealed: token })).toString("base64");
}

export function sessionHeader(cookie: string): { readonly cookie: string } {
  return { cookie: `${COOKIE}=${cookie}` };
}

/** Whether a Set-Cookie header ends the session in the browser. */
function clears(setCookie: string): boolean {
  return (
    setCookie.startsWith(`${COOKIE}=`) &&
    (setCookie.startsWith(`${COOKIE}=;`) || /;\s*max-age=(0|-\d+)\b/i.test(setCookie))
  );
}
