import * as http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Chance } from "../hostile/chance.ts";
import { ada, grace } from "../local/identity/users.ts";
import { signIn } from "../support/signIn.ts";
import { type Asked, ask } from "./client.ts";
import type { Expected, Tally, Verdict } from "./tally.ts";
import type { Weather } from "./weather.ts";

export interface VisitorDeps {
  readonly site: string;
  readonly chance: Chance;
  readonly tally: Tally;
  readonly weather: Weather;
  /** The clips' videos, by id. */
  readonly videos: ReadonlyMap<string, Buffer>;
}

type Answer = Exclude<Verdict, string>;

const DATA = /^data-[\w-]{8}=[\w+/=]{100,};.*max-age=[1-9]/;
const NO_SESSION = /^session=;/;

/** Pauses before something is tried again (milliseconds), and how often it is. */
const AGAIN_AFTER = 250;
const TRIES = 60;

/** Somebody who uses the service, and notices when something is not as it was left. */
export class ChaosVisitor {
  readonly #deps: VisitorDeps;
  readonly #port: number;
  readonly #agent = new http.Agent({ keepAlive: true });
  #session = "";
  /** The cookie with the saved reel, as it is sent; empty while there is none. */
  #data = "";
  #csrf = "";
  #reel: readonly string[] | null = null;

  private constructor(deps: VisitorDeps) {
    this.#deps = deps;
    this.#port = Number(new URL(deps.site).port);
  }

  /** Somebody who has just signed in. */
  static async arrive(deps: VisitorDeps): Promise<ChaosVisitor> {
    const visitor = new ChaosVisitor(deps);
    await visitor.#signIn();
    return visitor;
  }

  /** The value of the credential's cookie. */
  get session(): string {
    return this.#session;
  }

  get csrf(): string {
    return this.#csrf;
  }

  /** The reel that was saved last; null if none was in this session. */
  get reel(): readonly string[] | null {
    return this.#reel;
  }

  /** Does one thing after another until told to stop. */
  async stay(going: () => boolean): Promise<void> {
    const { chance } = this.#deps;
    const deeds = [
      ...Array(4).fill(() => this.#browse()),
      ...Array(3).fill(() => this.#save()),
      ...Array(2).fill(() => this.checkReel()),
      () => this.#lookAtThePage(),
      () => this.#leaveEarly(),
      () => this.#save(60 + chance.below(120)),
      () => this.#watchSlowly(),
    ];
    while (going()) {
      await chance.pick(deeds)();
      if (chance.below(60) === 0) await this.#signOutAndIn();
      await delay(10 + chance.below(40));
    }
  }

  leave(): void {
    this.#agent.destroy();
  }

  /** The saved reel is there, by whichever instance answers. */
  async checkReel(port = this.#port): Promise<void> {
    const answer = await this.#insist({ path: "/api/reel" }, { status: 200 }, port);
    const { clips } = JSON.parse(answer.body.toString()) as { clips: unknown };
    if (JSON.stringify(clips) !== JSON.stringify(this.#reel)) {
      this.#deps.tally.lose(`the reel is ${JSON.stringify(clips)}, not ${this.#reel}`);
    }
  }

  /** What the reel maker does with its first look: the list, then many URLs at once, then files. */
  async #browse(): Promise<void> {
    const { chance, videos } = this.#deps;
    await this.#insist({ path: "/api/clips" }, { status: 200 });
    const ids = chance.shuffle([...videos.keys()]).slice(0, 2 + chance.below(5));
    const urls = await Promise.all(ids.map((id) => this.#urlOf(id)));
    await Promise.all(urls.map((url, index) => this.#fetchPart(ids[index] ?? "", url)));
  }

  async #urlOf(id: string): Promise<string> {
    const answer = await this.#insist({ path: `/api/clips/${id}/url` }, { status: 200 });
    return (JSON.parse(answer.body.toString()) as { url: string }).url;
  }

  async #fetchPart(id: string, url: string, pace?: number): Promise<void> {
    const { chance, tally, videos } = this.#deps;
    const video = videos.get(id) ?? Buffer.alloc(0);
    const first = chance.below(video.length);
    const last = first + chance.below(video.length - first);
    const whole = pace !== undefined || chance.below(3) === 0;
    const answer = await this.#insist(
      {
        path: url,
        ...(!whole && { headers: { range: `bytes=${first}-${last}` } }),
        ...(pace !== undefined && { pace }),
      },
      { status: whole ? 200 : 206 },
    );
    const expected = whole ? video : video.subarray(first, last + 1);
    if (!answer.body.equals(expected)) {
      tally.lose(
        `${id}: ${answer.body.length} bytes that are not the ${expected.length} asked for`,
      );
    }
  }

  async #watchSlowly(): Promise<void> {
    const id = this.#deps.chance.pick([...this.#deps.videos.keys()]);
    await this.#fetchPart(id, await this.#urlOf(id), 100);
  }

  async #lookAtThePage(): Promise<void> {
    const answer = await this.#insist({ path: "/reel-maker" }, { status: 200 });
    if (!answer.body.includes(this.#csrf)) this.#deps.tally.lose("the page has another CSRF token");
  }

  /** Saves another reel; with a pace, over a connection that takes its time. */
  async #save(pace?: number): Promise<void> {
    const { chance, tally, videos } = this.#deps;
    const reel = chance.shuffle([...videos.keys()]).slice(0, chance.below(7));
    if (JSON.stringify(reel) === JSON.stringify(this.#reel)) return;
    const answer = await this.#insist(
      {
        method: "POST",
        path: "/api/reel",
        headers: { "content-type": "application/json", "x-csrf-token": this.#csrf },
        body: JSON.stringify({ clips: reel }),
        ...(pace !== undefined && { pace }),
      },
      { status: 200, setCookie: DATA },
    );
    this.#takeCookie(answer);
    this.#reel = reel;
    tally.reels += 1;
  }

  /** Begins something and is gone before it ends. */
  async #leaveEarly(): Promise<void> {
    const { chance, videos } = this.#deps;
    const id = chance.pick([...videos.keys()]);
    const path = chance.pick([`/api/clips/${id}/url`, "/reel-maker", await this.#urlOf(id)]);
    await this.#try({ path, leaveAfter: chance.below(15) }, { status: 200 });
  }

  async #signOutAndIn(): Promise<void> {
    const body = new URLSearchParams({ _csrf: this.#csrf }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    await this.#insist(
      { method: "POST", path: "/logout", headers, body },
      { status: 303, setCookie: NO_SESSION },
    );
    await this.#signIn();
  }

  async #signIn(): Promise<void> {
    const { chance, site, tally, weather } = this.#deps;
    const user = chance.pick([ada, grace]);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const sentAt = performance.now();
      try {
        const browser = await signIn(site, user);
        this.#csrf = await browser.csrfToken();
        this.#session = browser.cookies.get("session") ?? "";
        this.#data = "";
        this.#reel = null;
        tally.sessions += 1;
        return;
      } catch (error) {
        const now = performance.now();
        if (weather.wasKill(sentAt, now)) tally.signInsAgain += 1;
        else if (weather.keysWereOut(sentAt, now)) tally.unavailable += 1;
        else tally.lose(`a sign-in: ${String(error)}`);
        await delay(AGAIN_AFTER);
      }
    }
    throw new Error("Signing in was tried in vain.");
  }

  #takeCookie({ headers }: Answer): void {
    const [pair = ""] = headers["set-cookie"]?.[0]?.split(";") ?? [];
    this.#data = `; ${pair}`;
  }

  /** Asks until there is an answer. */
  async #insist(asked: Asked, expected: Expected, port = this.#port): Promise<Answer> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const verdict = await this.#try(asked, expected, port);
      if (typeof verdict !== "string") return verdict;
      await delay(AGAIN_AFTER);
    }
    throw new Error(`${asked.path} was asked for in vain.`);
  }

  async #try(asked: Asked, expected: Expected, port = this.#port): Promise<Verdict> {
    const headers = {
      host: new URL(this.#deps.site).host,
      accept: "text/html,*/*;q=0.8",
      ...asked.headers,
      cookie: `session=${this.#session}${this.#data}`,
    };
    const sentAt = performance.now();
    const outcome = await ask(port, this.#agent, { ...asked, headers });
    return this.#deps.tally.judge(asked, expected, outcome, sentAt);
  }
}
