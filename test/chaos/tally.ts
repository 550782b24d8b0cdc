import type { Asked, Outcome } from "./client.ts";
import type { KnownFaults } from "./knownFaults.ts";

/** What comes of a request, in the end. */
export type Verdict =
  | Extract<Outcome, { kind: "answer" }>
  /** Nothing that counts: ask again. */
  | "again"
  /** The visitor left. */
  | "left";

export interface Expected {
  readonly status: number | readonly number[];
  /** What has to be true of the Set-Cookie header; none at all if left out. */
  readonly setCookie?: RegExp;
}

/** Counts everything, and holds each answer against what may be. */
export class Tally {
  requests = 0;
  answered = 0;
  sessions = 0;
  /** Changes of what the application keeps in sessions. */
  saves = 0;
  /** Requests that visitors took their time with, and those that they left in the middle of. */
  slow = 0;
  left = 0;
  /** Requests that went down with an instance that was killed: GETs cut off in the middle... */
  cut = 0;
  /** ...and others that nobody may repeat but who sent them: 502. */
  undecided = 0;
  /** 503 with Retry-After, while Secret Manager was out. */
  unavailable = 0;
  /** Sign-ins that had to be begun again, because an instance died in the middle of them. */
  signInsAgain = 0;
  readonly instances = new Set<string>();
  readonly lost: string[] = [];
  readonly #knownFaults: KnownFaults;
  readonly #start = performance.now();

  constructor(knownFaults: KnownFaults) {
    this.#knownFaults = knownFaults;
  }

  /** Something that must not be. */
  lose(what: string): void {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(1);
    this.lost.push(`at ${seconds} s: ${what}`);
  }

  /** What the outcome of a request that was sent at `sentAt` (performance.now) counts as. */
  judge(asked: Asked, expected: Expected, outcome: Outcome, sentAt: number): Verdict {
    this.requests += 1;
    if (asked.pace !== undefined) this.slow += 1;
    const { method = "GET", path } = asked;
    const what = `${method} ${path.replace(/\?.*/, "")}`;
    const now = performance.now();
    const killed = this.#knownFaults.wasKill(sentAt, now);
    if (outcome.kind === "left") {
      this.left += 1;
      return "left";
    }
    if (outcome.kind === "cut") {
      if (killed) this.cut += 1;
      else this.lose(`${what} was cut off: ${outcome.error}`);
      return "again";
    }
    const { status, headers } = outcome;
    if (status === 502 && method !== "GET" && killed) {
      this.undecided += 1;
      return "again";
    }
    if (status === 503 && this.#knownFaults.keysWereOut(sentAt, now)) {
      if (!/^\d+$/.test(headers["retry-after"] ?? "")) this.lose(`${what}: 503, no Retry-After`);
      if (headers["set-cookie"] !== undefined) this.lose(`${what}: 503 and a cookie`);
      this.unavailable += 1;
      return "again";
    }
    this.answered += 1;
    if (typeof headers["x-instance"] === "string") this.instances.add(headers["x-instance"]);
    const setCookie = headers["set-cookie"]?.join("\n");
    if (![expected.status].flat().includes(status)) {
      this.lose(`${what}: ${status} ${outcome.body.toString().slice(0, 200)}`);
      return "again";
    }
    const cookieFits =
      expected.setCookie === undefined
        ? setCookie === undefined
        : expected.setCookie.test(setCookie ?? "");
    if (!cookieFits) this.lose(`${what}: ${status} with the cookie ${setCookie?.slice(0, 40)}`);
    return outcome;
  }

  /** One line. */
  summary(): string {
    const faults = Object.entries(this.#knownFaults.counts)
      .map(([fault, times]) => `${times} ${fault}`)
      .join(", ");
    return [
      `${this.requests} requests, ${this.answered} answered by ${this.instances.size} instances`,
      `${this.sessions} sessions, ${this.saves} saves`,
      `faults: ${faults}`,
      `${this.slow} slow, ${this.left} left in the middle`,
      `${this.unavailable} put off with 503 while keys were out`,
      `killed with their instance: ${this.cut} cut off, ${this.undecided} not repeatable, ` +
        `${this.signInsAgain} sign-ins begun again`,
      `lost: ${this.lost.length}`,
    ].join("; ");
  }
}
