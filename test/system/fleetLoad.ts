import { setTimeout as delay } from "node:timers/promises";
import { ada, grace } from "../local/identity/users.ts";
import { signIn, type Visitor } from "../support/signIn.ts";

/** An answer that somebody got who is signed in, or none. */
export interface Answer {
  /** When it was asked for, in milliseconds of `performance.now()`. */
  readonly at: number;
  readonly user: number;
  readonly request: "url" | "file" | "save";
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
  /** Everyone saves their reel with every so many requests, which seals their session anew. */
  readonly saveEvery: number;
}

const COOKIE = "session";

/** People who sign in once and then use the reel maker without a break. */
export class FleetLoad {
  readonly answers: Answer[] = [];
  readonly #options: LoadOptions;
  readonly #people: readonly Visitor[];
  readonly #done: Promise<unknown>;
  #stopped = false;

  private constructor(people: readonly Visitor[], options: LoadOptions, clips: readonly string[]) {
    this.#people = people;
    this.#options = options;
    this.#done = Promise.all(people.map((person, user) => this.#use(person, user, clips)));
  }

  /** Resolves when all have signed in and begun. */
  static async start(site: string, options: LoadOptions): Promise<FleetLoad> {
    const first = await signIn(site, ada);
    const people = [first];
    for (let user = 1; user < options.users; user += 1) {
      people.push(await signIn(site, user % 2 === 0 ? ada : grace));
    }
    return new FleetLoad(people, options, await clipIds(first));
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

  async #use(person: Visitor, user: number, clips: readonly string[]): Promise<void> {
    const { pause, saveEvery } = this.#options;
    const token = await person.csrfToken();
    for (let turn = user; !this.#stopped; turn += 1) {
      if (turn % saveEvery === 0) {
        await this.#ask(person, user, "save", "/api/reel", {
          method: "POST",
          headers: { "content-type": "application/json", "x-csrf-token": token },
          // Another one each time: only a session that changed is sealed.
          body: JSON.stringify({ clips: rotated(clips, turn / saveEvery).slice(0, 3) }),
        });
      } else {
        const clip = clips[turn % clips.length];
        const text = await this.#ask(person, user, "url", `/api/clips/${clip}/url`);
        const { poster_url } = JSON.parse(text ?? "{}");
        if (poster_url !== undefined) await this.#ask(person, user, "file", poster_url);
      }
      await delay(pause);
    }
  }

  /** The answer's text if it was 200. */
  async #ask(
    person: Visitor,
    user: number,
    request: Answer["request"],
    path: string,
    init: Parameters<Visitor["fetch"]>[1] = {},
  ): Promise<string | undefined> {
    const answer = { at: performance.now(), user, request, kid: kidOf(person.cookies.get(COOKIE)) };
    try {
      const response = await person.fetch(path, init);
      const text = await response.text();
      const { status, headers } = response;
      const cleared = headers.getSetCookie().some(clears);
      this.answers.push({ ...answer, status, cleared });
      return status === 200 ? text : undefined;
    } catch {
      this.answers.push({ ...answer, status: 0, cleared: false });
      return undefined;
    }
  }
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

async function clipIds(person: Visitor): Promise<string[]> {
  const response = await person.fetch("/api/clips");
  const { clips } = (await response.json()) as { clips: { id: string }[] };
  return clips.map(({ id }) => id);
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const start = Math.floor(by) % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
