import type { Asked, Outcome } from "./client.ts";
import type { KnownFaults } from "./knownFaults.ts";

/** Judgement of a request's outcome. */
export type Verdict =
  | Extract<Outcome, { kind: "answer" }>
  /** Nothing that counts: ask again. */
  | "again"
  /** The visitor left. */
  | "left";

export interface Expected {
  readonly status: number | readonly number[];
  /** Pattern of the expected Set-Cookie header; undefined: there must be none. */
  readonly setCookie?: RegExp;
}

/** Counts outcomes, and checks each response against what is expected. */
export class Tally {
  requests = 0;
  answered = 0;
  sessions = 0;
  /** Changes of the application's session data. */
  saves = 0;
  /** Slow requests, and those that the client aborted. */
  slow = 0;
  left = 0;
  /** Requests lost with a killed instance: GETs whose response was cut off... */
  cut = 0;
  /**
   * ...and other methods, which the balancer can't retry and answers with 502. That also happens
   * where an instance that ends closes an idle connection as a request is sent on it (RFC 9112, 9.3.1).
   */
  undecided = 0;
  /** 503 with Retry-After during an outage of Secret Manager. */
  unavailable = 0;
  /** Sign-outs that were not written in time, and left to the browser's next requests. */
  pendingSignOuts = 0;
  /** Sign-ins that were restarted, because an instance was killed. */
  signInsAgain = 0;
  readonly instances = new Set<string>();
  readonly lost: string[] = [];
  readonly #knownFaults: KnownFaults;
  readonly #start = performance.now();

  constructor(knownFaults: KnownFaults) {
    this.#knownFaults = knownFaults;
  }

  /** Records a failure. */
  lose(what: string): void {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(1);
    this.lost.push(`at ${seconds} s: ${what}`);
  }

  /** Judges the outcome of a request that was sent at `sentAt` (performance.now). */
  judge(asked: Asked, expected: Expected, outcome: Outcome, sentAt: number): Verdict {
    this.requests += 1;
    if (asked.pace !== undefined) this.slow += 1;
    const { method = "GET", path } = asked;
    const what = `${method} ${path.replace(/\?.*/, "")}`;
    const now = performance.now();
    const killed = this.#knownFaults.wasKilled(sentAt, now);
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
    const ended = killed || this.#knownFaults.wasTerminated(sentAt, now);
    if (status === 502 && method !== "GET" && ended) {
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

  /** The counts in one line. */
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
      `${this.pendingSignOuts} sign-outs written later`,
      `killed with their instance: ${this.cut} cut off, ${this.undecided} not repeatable, ` +
        `${this.signInsAgain} sign-ins begun again`,
      `lost: ${this.lost.length}`,
    ].join("; ");
  }
}
