import {
  type Answer,
  type Client,
  isSessionCookie,
  Jar,
  type Request,
  type SetCookie,
} from "./client.ts";
import type { SignIn } from "./signIn.ts";
import { SiteError } from "./siteError.ts";

/** Why something is wrong, and what mends it: whole sentences. */
export interface Finding {
  readonly cause: string;
  readonly remedy: string;
}

/** What a check found. `seen` is a clause; of a skipped check it is the reason. */
export interface Verdict {
  readonly outcome: "ok" | "failed" | "skipped";
  readonly seen: string;
  /** At least one if it failed, none otherwise. */
  readonly findings: readonly Finding[];
}

export interface Check {
  /** For programs. */
  readonly id: string;
  /** For people, in a few words. */
  readonly title: string;
  /**
   * `held`: skipped without a session; `intact`: also if any request was told that it is over. Left
   * out: needs no session.
   */
  readonly session?: "held" | "intact";
  /** @throws SiteError if the site stops answering */
  readonly run: (visit: Visit & { readonly session: Session }) => Verdict | Promise<Verdict>;
}

/** What is checked, and what has been seen of it so far. */
export interface Visit {
  readonly client: Client;
  /** Scheme, host and port. */
  readonly url: URL;
  readonly https: boolean;
  /** Whether the site is on this machine. */
  readonly loopback: boolean;
  /** Path of a page, and of a GET below /api/, that need sign-in. */
  readonly page: string;
  readonly api: string;
  /** The most requests of one kind of load. */
  readonly requests: number;
  /** Instances that have to answer; undefined if nobody said how many. */
  readonly instances: number | undefined;
  readonly random: (bytes: number) => Uint8Array;
  readonly progress: (text: string) => void;
  readonly live: Answer;
  readonly home: Answer;
  /** What somebody without a session gets. */
  readonly stranger: { readonly page: Answer; readonly api: Answer };
  /** GET /login, not followed. */
  readonly login: Answer;
  readonly signIn: SignIn;
  readonly session: Session | undefined;
  /** Why there is no session; a clause. */
  readonly noSession: string;
  /** Answers that depend on a session, by what was asked. */
  readonly dependent: Map<string, Answer>;
}

/** One request that carried the session, and what became of it. */
export interface Use {
  readonly instance: string | undefined;
  /** 0: no answer. */
  readonly status: number;
  readonly code: string | undefined;
  /** Whether the answer was that nobody is signed in. */
  readonly refused: boolean;
}

/** A session's cookie. */
export interface HeldCookie {
  readonly name: string;
  readonly value: string;
}

/** A session, and every request that carried it. What it is answered with is not kept. */
export class Session {
  readonly uses: Use[] = [];
  /** Every Set-Cookie of a session's cookies, the sign-in's first. */
  readonly setCookies: SetCookie[] = [];
  readonly source: "made" | "pasted" | "saved";
  /** The cookie that proves who is signed in. */
  readonly cookie: HeldCookie;
  readonly #header: string;
  readonly #visit: Pick<Visit, "client" | "url" | "dependent">;

  /** @param callback - the answer to the sign-in that made it, with all of its cookies */
  constructor(
    source: Session["source"],
    cookie: HeldCookie,
    visit: Pick<Visit, "client" | "url" | "dependent">,
    callback?: Answer,
  ) {
    this.source = source;
    this.cookie = cookie;
    this.#visit = visit;
    const jar = new Jar();
    if (callback !== undefined) {
      jar.keep(callback, visit.client.now());
      this.setCookies.push(...callback.setCookies.filter(({ name }) => isSessionCookie(name)));
    }
    this.#header = jar.header ?? `${cookie.name}=${cookie.value}`;
  }

  /** Whether any request was told that the session is over. */
  get lost(): boolean {
    return this.uses.some(({ refused }) => refused);
  }

  /** @throws SiteError if there is no answer, which is counted as well */
  async ask(path: string, request: Request = {}): Promise<Answer> {
    const { client, url, dependent } = this.#visit;
    try {
      const answer = await client.ask(new URL(path, url), { ...request, cookie: this.#header });
      const { status, code, instance, location } = answer;
      const refused = status === 401 || location?.pathname === "/login";
      this.uses.push({ instance, status, code, refused });
      this.setCookies.push(
        ...answer.setCookies.filter(({ name, value }) => isSessionCookie(name) && value !== ""),
      );
      const kind = `${request.method ?? "GET"} ${path}`;
      if (!dependent.has(kind)) dependent.set(kind, answer);
      return answer;
    } catch (error) {
      if (error instanceof SiteError) {
        this.uses.push({ instance: undefined, status: 0, code: error.code, refused: false });
      }
      throw error;
    }
  }

  /** As `ask`; undefined if there is no answer. */
  tryToAsk(path: string): Promise<Answer | undefined> {
    return withoutAnswer(() => this.ask(path));
  }

  /**
   * Calls `turn` again and again, twelve to a hundred calls at a time, until `enough`. It says
   * whether it got an answer: twelve times in a row without one are the end.
   */
  async load(
    requests: number,
    turn: (turn: number) => Promise<boolean>,
    enough: (turns: number) => boolean,
  ): Promise<void> {
    let turns = 0;
    let lostInARow = 0;
    const visitor = async () => {
      while (turns < requests && lostInARow < 12 && !enough(turns)) {
        lostInARow = (await turn(turns++)) ? 0 : lostInARow + 1;
      }
    };
    const width = Math.min(100, Math.max(12, Math.floor(requests / 8)));
    await Promise.all(Array.from({ length: width }, visitor));
  }
}

/** What `ask` resolves with; undefined if there is no answer. */
export async function withoutAnswer(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof SiteError) return undefined;
    throw error;
  }
}

/** How often an instance answered, and how often it said that nobody is signed in. */
export interface Tally {
  readonly instance: string;
  readonly requests: number;
  readonly refused: number;
}

/** The tallies of the instances, in the order of their names. */
export function tallies(uses: readonly Use[]): Tally[] {
  return [...Map.groupBy(uses, ({ instance }) => instance ?? "(no name)")]
    .map(([instance, own]) => ({
      instance,
      requests: own.length,
      refused: own.filter(({ refused }) => refused).length,
    }))
    .toSorted((a, b) => (a.instance < b.instance ? -1 : 1));
}

/** `one 0 of 12, two 3 of 9`. */
export function refusalsByInstance(uses: readonly Use[]): string {
  return tallies(uses)
    .map(({ instance, refused, requests }) => `${instance} ${refused} of ${requests}`)
    .join(", ");
}

/** The instances that answered, each once, in the order of their names. */
export function instancesOf(uses: readonly Use[]): string[] {
  return [...new Set(uses.flatMap(({ instance }) => instance ?? []))].toSorted();
}

export function ok(seen: string): Verdict {
  return { outcome: "ok", seen, findings: [] };
}

/** Not checked, and so not passed. */
export function skipped(reason: string): Verdict {
  return { outcome: "skipped", seen: reason, findings: [] };
}

export function failed(seen: string, cause: string, remedy: string): Verdict {
  return { outcome: "failed", seen, findings: [{ cause, remedy }] };
}

/** A cause and what mends it. */
export type Why = readonly [cause: string, remedy: string];

/** Something that is wrong: what was seen of it, its cause, and what mends it. */
export type Fault = readonly [seen: string, ...Why];

/** Failed with every fault there is, each once; ok if there is none. */
export function faultless(faults: readonly (Fault | false)[], seen: string): Verdict {
  const real = faults.filter((fault) => fault !== false);
  if (real.length === 0) return ok(seen);
  return {
    outcome: "failed",
    seen: [...new Set(real.map(([what]) => what))].join("; "),
    findings: [...new Map(real.map(([, cause, remedy]) => [cause, { cause, remedy }])).values()],
  };
}

/** `1 request`, `2 requests`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Seconds as a person says them: the largest unit of which there are at least two. */
export function duration(seconds: number): string {
  const units = [
    [86_400, "days"],
    [3600, "h"],
    [60, "min"],
  ] as const;
  const [size, name] = units.find(([unit]) => seconds >= 2 * unit) ?? [1, "s"];
  return `${Math.round(seconds / size)} ${name}`;
}

/**
 * The commands that give a setting of the stack a value and deploy it. The stack can't be told from
 * outside: STACK stands for its name.
 */
export function deployed(name: string, value: string | number | boolean): string {
  return (
    `\`npx pulumi config set --stack STACK ${name} ${value}\`, then ` +
    "`npx pulumi up --stack STACK`"
  );
}
