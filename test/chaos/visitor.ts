import * as http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { application } from "../../service/application.ts";
import type { Chance } from "../hostile/chance.ts";
import { ada, grace } from "../local/identity/users.ts";
import { signIn } from "../support/signIn.ts";
import { type Asked, ask } from "./client.ts";
import type { KnownFaults } from "./knownFaults.ts";
import type { Expected, Tally, Verdict } from "./tally.ts";

export interface VisitorDeps {
  readonly site: string;
  readonly chance: Chance;
  readonly tally: Tally;
  readonly knownFaults: KnownFaults;
  /** Actions in the application. */
  readonly activity: ActivityFactory;
}

/** A visitor's actions in one application. */
export interface Activity {
  /** Actions, one of which is picked at random. */
  actions(): readonly (() => Promise<void>)[];
  /** Checks the application's data at the instance on a port, and records failures in the tally. */
  check(port: number): Promise<void>;
  /** Called when a new session has begun. */
  begin(): void;
}

export type ActivityFactory = (visitor: ChaosVisitor) => Activity;

/** For an application without actions of its own. */
export const NO_ACTIVITY: ActivityFactory = () => ({
  actions: () => [],
  check: async () => {},
  begin: () => {},
});

type Answer = Exclude<Verdict, string>;

const DATA = /^data-[\w-]{8}=[\w+/=]{100,};.*max-age=[1-9]/;
const NO_SESSION = /^session=;/m;
const PENDING = /^(sign-out=[^;]+);/;
/** The sign-out is written, or not yet. */
const NO_LONGER_PENDING = /^sign-out=;|^$/;

/** Milliseconds before a retry, and the number of retries. */
const RETRY_DELAY = 250;
const TRIES = 60;

/** A user of the service, who checks that the session keeps its data. */
export class ChaosVisitor {
  readonly deps: VisitorDeps;
  readonly #port: number;
  readonly #agent = new http.Agent({ keepAlive: true });
  #session = "";
  /** Other cookies, as they follow it in a Cookie header; empty if there is none. */
  #data = "";
  #csrf = "";
  readonly #activity: Activity;

  private constructor(deps: VisitorDeps) {
    this.deps = deps;
    this.#activity = deps.activity(this);
    this.#port = Number(new URL(deps.site).port);
  }

  /** Signs in. */
  static async arrive(deps: VisitorDeps): Promise<ChaosVisitor> {
    const visitor = new ChaosVisitor(deps);
    await visitor.#signIn();
    return visitor;
  }

  /** Value of the credential cookie. */
  get session(): string {
    return this.#session;
  }

  get csrf(): string {
    return this.#csrf;
  }

  /** Runs random actions until told to stop. */
  async stay(going: () => boolean): Promise<void> {
    const { chance } = this.deps;
    const actions = [
      ...this.#activity.actions(),
      () => this.#lookAtThePage(),
      () => this.#askTheApi(),
      () => this.#askTheApi(100),
      () => this.leaveEarly(chance.pick([application.home, application.api])),
    ];
    while (going()) {
      await chance.pick(actions)();
      if (chance.below(60) === 0) await this.#signOutAndIn();
      await delay(10 + chance.below(40));
    }
  }

  leave(): void {
    this.#agent.destroy();
  }

  /** Checks that the session has the expected user and data. */
  async check(port = this.#port): Promise<void> {
    await this.#lookAtThePage(port);
    await this.#activity.check(port);
  }

  async #lookAtThePage(port = this.#port): Promise<void> {
    const answer = await this.insist({ path: application.home }, { status: 200 }, port);
    if (!answer.body.includes(this.#csrf)) this.deps.tally.lose("the page has another CSRF token");
  }

  /** Requests the application's API; with `pace`, over a slow connection. */
  async #askTheApi(pace?: number): Promise<void> {
    const asked = { path: application.api, ...(pace !== undefined && { pace }) };
    await this.insist(asked, { status: 200 });
  }

  /** Sends a request and disconnects before the response. */
  async leaveEarly(path: string): Promise<void> {
    await this.#try({ path, leaveAfter: this.deps.chance.below(15) }, { status: 200 });
  }

  /** Sends a request that changes the session's data, and keeps the cookie of the response. */
  async save(asked: Asked): Promise<void> {
    const headers = { "x-csrf-token": this.#csrf, ...asked.headers };
    const answer = await this.insist({ ...asked, headers }, { status: 200, setCookie: DATA });
    const [pair = ""] = answer.headers["set-cookie"]?.[0]?.split(";") ?? [];
    this.#data = `; ${pair}`;
    this.deps.tally.saves += 1;
  }

  async #signOutAndIn(): Promise<void> {
    const body = new URLSearchParams({ _csrf: this.#csrf }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const { headers: answered } = await this.insist(
      { method: "POST", path: "/logout", headers, body },
      { status: 303, setCookie: NO_SESSION },
    );
    for (const cookie of answered["set-cookie"] ?? []) {
      const [, pending] = PENDING.exec(cookie) ?? [];
      if (pending !== undefined) await this.#finishSignOut(pending);
    }
    await this.#signIn();
  }

  /** An instance that was frozen could not write the sign-out in time: the next requests do. */
  async #finishSignOut(cookie: string): Promise<void> {
    this.deps.tally.pendingSignOuts += 1;
    this.#session = "";
    this.#data = cookie;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const verdict = await this.#try(
        { path: "/signed-out" },
        { status: 200, setCookie: NO_LONGER_PENDING },
      );
      if (typeof verdict !== "string" && verdict.headers["set-cookie"] !== undefined) return;
      await delay(RETRY_DELAY);
    }
    this.deps.tally.lose("a sign-out is still not written");
  }

  async #signIn(): Promise<void> {
    const { chance, site, tally, knownFaults } = this.deps;
    const user = chance.pick([ada, grace]);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const sentAt = performance.now();
      try {
        const browser = await signIn(site, user);
        this.#csrf = await browser.csrfToken();
        this.#session = browser.cookies.get("session") ?? "";
        this.#data = "";
        this.#activity.begin();
        tally.sessions += 1;
        return;
      } catch (error) {
        const now = performance.now();
        if (knownFaults.wasKilled(sentAt, now)) tally.signInsAgain += 1;
        else if (knownFaults.keysWereOut(sentAt, now)) tally.unavailable += 1;
        else tally.lose(`a sign-in: ${String(error)}`);
        await delay(RETRY_DELAY);
      }
    }
    throw new Error("Signing in was tried in vain.");
  }

  /** Retries a request until there is a response. */
  async insist(asked: Asked, expected: Expected, port = this.#port): Promise<Answer> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const verdict = await this.#try(asked, expected, port);
      if (typeof verdict !== "string") return verdict;
      await delay(RETRY_DELAY);
    }
    throw new Error(`${asked.path} was asked for in vain.`);
  }

  async #try(asked: Asked, expected: Expected, port = this.#port): Promise<Verdict> {
    const headers = {
      host: new URL(this.deps.site).host,
      accept: "text/html,*/*;q=0.8",
      ...asked.headers,
      cookie: `${this.#session && `session=${this.#session}`}${this.#data}`,
    };
    const sentAt = performance.now();
    const outcome = await ask(port, this.#agent, { ...asked, headers });
    return this.deps.tally.judge(asked, expected, outcome, sentAt);
  }
}
