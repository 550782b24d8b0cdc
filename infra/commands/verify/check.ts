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

/** Why a check failed, and what mends it, in whole sentences. */
export interface Finding {
  readonly cause: string;
  readonly remedy: string;
}

/** The result of a check. `seen` is a clause; for a skipped check it is the reason. */
export interface Verdict {
  readonly outcome: "ok" | "failed" | "skipped";
  readonly seen: string;
  /** At least one if it failed, none otherwise. */
  readonly findings: readonly Finding[];
}

export interface Check {
  /** Name in the JSON output. */
  readonly id: string;
  /** Name in the text output. */
  readonly title: string;
  /** @throws SiteError if the site stops answering */
  readonly run: (context: CheckContext) => Verdict | Promise<Verdict>;
}

/** A check that needs no session. */
export function check(id: string, title: string, run: Check["run"]): Check {
  return { id, title, run };
}

/** Why a check is skipped once a request with the session was refused. */
export const LOST = "the session was lost on the way: see sessions";

/**
 * A check that is skipped without a session.
 * @param needs - `intact`: also skipped once any request with the session was refused
 */
export function sessionCheck(
  id: string,
  title: string,
  needs: "held" | "intact",
  run: (context: CheckContext & { readonly session: Session }) => Verdict | Promise<Verdict>,
): Check {
  return check(id, title, (context) => {
    const { session } = context;
    if (session === undefined) return skipped(context.noSession);
    return needs === "intact" && session.lost ? skipped(LOST) : run({ ...context, session });
  });
}

/** The site under check, and what has been seen of it so far. */
export interface CheckContext {
  readonly client: Client;
  /** Scheme, host and port. */
  readonly url: URL;
  readonly https: boolean;
  /** Whether the site is on this machine. */
  readonly loopback: boolean;
  /** Paths of a page and of a GET below /api/ that need sign-in. */
  readonly page: string;
  readonly api: string;
  /** The most requests per load check. */
  readonly requests: number;
  /** How many instances have to answer; undefined without --instances. */
  readonly instances: number | undefined;
  readonly random: (bytes: number) => Uint8Array;
  readonly progress: (text: string) => void;
  readonly live: Answer;
  readonly home: Answer;
  /** Answers to requests without a session. */
  readonly signedOut: { readonly page: Answer; readonly api: Answer };
  /** Answer to GET /login; its redirect is not followed. */
  readonly login: Answer;
  readonly signIn: SignIn;
  readonly session: Session | undefined;
  /** Why there is no session; a clause. */
  readonly noSession: string;
  /** Answers that depend on a session, by method and path. */
  readonly dependent: Map<string, Answer>;
}

/** A request that carried the session, and its result. */
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

/** A session, and the requests that carried it. Cookies that come back do not change it. */
export class Session {
  readonly uses: Use[] = [];
  /** Every session cookie that answers set, the sign-in's first. */
  readonly setCookies: SetCookie[] = [];
  readonly source: "made" | "pasted" | "saved";
  /** The credential cookie. */
  readonly cookie: HeldCookie;
  readonly #header: string;
  readonly #context: Pick<CheckContext, "client" | "url" | "dependent">;

  /**
   * @param callback - the answer that completed the sign-in and set all of the session's cookies
   */
  constructor(
    source: Session["source"],
    cookie: HeldCookie,
    context: Pick<CheckContext, "client" | "url" | "dependent">,
    callback?: Answer,
  ) {
    this.source = source;
    this.cookie = cookie;
    this.#context = context;
    const jar = new Jar();
    if (callback !== undefined) {
      jar.keep(callback, context.client.now());
      this.setCookies.push(...callback.setCookies.filter(({ name }) => isSessionCookie(name)));
    }
    this.#header = jar.header ?? `${cookie.name}=${cookie.value}`;
  }

  /** Whether any request was answered as if nobody were signed in. */
  get lost(): boolean {
    return this.uses.some(({ refused }) => refused);
  }

  /** @throws SiteError if there is no answer, which also counts as a use */
  async ask(path: string, request: Request = {}): Promise<Answer> {
    const { client, url, dependent } = this.#context;
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

  /** Like `ask`; undefined if there is no answer. */
  tryToAsk(path: string): Promise<Answer | undefined> {
    return withoutAnswer(() => this.ask(path));
  }

  /**
   * Calls `turn` at most `requests` times, 12 to 100 at a time, until `enough` returns true. `turn`
   * returns whether it got an answer; twelve in a row without one end the load.
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

/** The result of `ask`; undefined if there is no answer. */
export async function withoutAnswer(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof SiteError) return undefined;
    throw error;
  }
}

/** How many requests an instance answered, and how many of them it refused. */
export interface Tally {
  readonly instance: string;
  readonly requests: number;
  readonly refused: number;
}

/** The tallies of the instances, sorted by name. */
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

/** The instances that answered, each once, sorted by name. */
export function instancesOf(uses: readonly Use[]): string[] {
  return [...new Set(uses.flatMap(({ instance }) => instance ?? []))].toSorted();
}

export function ok(seen: string): Verdict {
  return { outcome: "ok", seen, findings: [] };
}

/** A skipped check has not passed. */
export function skipped(reason: string): Verdict {
  return { outcome: "skipped", seen: reason, findings: [] };
}

export function failed(seen: string, cause: string, remedy: string): Verdict {
  return { outcome: "failed", seen, findings: [{ cause, remedy }] };
}

/** A cause and its remedy. */
export type Why = readonly [cause: string, remedy: string];

/** A fault: what was seen, its cause and its remedy. */
export type Fault = readonly [seen: string, ...Why];

/** Failed with all faults, each once; ok if there are none. */
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

/**
 * The commands that set a setting of the stack and deploy it. The stack's name can't be seen from
 * outside, so STACK stands for it.
 */
export function deployed(name: string, value: string | number | boolean): string {
  return (
    `\`npx pulumi config set --stack STACK ${name} ${value}\`, then ` +
    "`npx pulumi up --stack STACK`"
  );
}
