import { randomBytes } from "node:crypto";
import type { Express } from "express";
import { inject } from "light-my-request";
import { createRestClient } from "../../service/google/restClient.ts";
import { createVersionStore, SECRET_MANAGER_API } from "../../service/google/secretVersions.ts";
import { RETIREMENT_MARGIN } from "../../service/keys/keyRing.ts";
import { LOOKUP_INTERVAL, MAX_AGE_INTERVALS, READ_TIMEOUT } from "../../service/keys/limits.ts";
import type { SessionKeys } from "../../service/keys/sessionKeys.ts";
import { planRotation, type RotationReason } from "../../service/rotator/plan.ts";
import { RotationError, rotate } from "../../service/rotator/rotate.ts";
import { isSignedIn, startSession } from "../../service/session/session.ts";
import type { FaultRule } from "../local/secretManager/faults.ts";
import { createKeyBench, ENDPOINT, LIMITS, SECRET } from "../support/keyBench.ts";
import { sessionApp, signedIn } from "../support/sessionApp.ts";

/** An event. `instance`, `session` and `version` choose among those that exist. */
export type Action =
  | { readonly do: "wait"; readonly seconds: number }
  | { readonly do: "signIn"; readonly instance: number }
  | { readonly do: "request"; readonly instance: number; readonly session: number }
  | { readonly do: "rotate"; readonly reason: RotationReason }
  | { readonly do: "disable" | "destroy"; readonly version: number }
  | { readonly do: "scaleUp" }
  | { readonly do: "scaleDown" | "freeze" | "thaw"; readonly instance: number }
  | { readonly do: "fail"; readonly rule: FaultRule }
  | { readonly do: "heal" }
  | { readonly do: "lag"; readonly seconds: number }
  | { readonly do: "attack"; readonly instance: number; readonly kids: readonly number[] };

interface Instance {
  readonly name: string;
  readonly app: Express;
  readonly keys: SessionKeys;
  readonly born: number;
  calls: number;
  ready: boolean;
  frozen: boolean;
  /** Delays responses while the instance is frozen. */
  gate: PromiseWithResolvers<void> | undefined;
}

interface Session {
  readonly cookie: string;
  readonly version: number;
  /** Earliest and latest time of expiry. */
  readonly expires: readonly [number, number];
}

/** Seven days. */
const LIFETIME = 604_800;
const POLICY = {
  activationDelay: LIMITS.activationDelay,
  sessionLifetime: LIFETIME,
  minimumAge: 0,
};

/** Seconds within which every instance knows of a change, if Secret Manager answers. */
const BOUND = MAX_AGE_INTERVALS * LIMITS.refreshInterval;
/** Longest time after a fault until a retry of a refresh has succeeded. */
const RECOVERY = LIMITS.refreshInterval * 1.2 + 2 * READ_TIMEOUT;

/**
 * A fleet of instances in one process: the application with its session middleware and keys, with a
 * fake Secret Manager, in virtual time. Each response is checked against the true state; a
 * violation is an error with the events of the run.
 */
export class RotationModel {
  readonly #bench = createKeyBench({ versionDestroyTtl: "604800s" });
  readonly #instances: Instance[] = [];
  readonly #sessions: Session[] = [];
  /**
   * Times at which versions were disabled or destroyed by hand or after a leak, not by retirement.
   */
  readonly #revokedAt = new Map<number, number>();
  readonly #createdAt = new Map<number, number>();
  #failing = false;
  #faults = 0;
  #faultUntil = Number.NEGATIVE_INFINITY;
  #born = 0;
  /** Counts of outcomes in a run, so that a test can require coverage. */
  readonly seen = { ok: 0, retired: 0, expired: 0, unavailable: 0, signIns: 0, attacks: 0 };

  async start(): Promise<void> {
    this.#createdAt.set(this.#bench.add(), this.#now());
    await this.#bench.time.advance(7200);
    for (let i = 0; i < 3; i += 1) await this.#scaleUp();
  }

  async apply(action: Action): Promise<void> {
    switch (action.do) {
      case "wait":
        await this.#wait(action.seconds);
        break;
      case "signIn":
        await this.#signIn(action.instance);
        break;
      case "request": {
        const session = pick(this.#sessions, action.session);
        const instance = pick(this.#serving(), action.instance);
        if (session && instance) await this.#request(instance, session);
        break;
      }
      case "rotate":
        await this.#rotate(action.reason);
        break;
      case "disable":
      case "destroy":
        this.#revoke(action.version, action.do);
        break;
      case "scaleUp":
        await this.#scaleUp();
        break;
      case "scaleDown": {
        const instance = pick(this.#instances, action.instance);
        if (instance) this.#instances.splice(this.#instances.indexOf(instance), 1);
        break;
      }
      case "freeze":
        this.#freeze(pick(this.#serving(), action.instance));
        break;
      case "thaw":
        await this.#thaw(
          pick(
            this.#instances.filter(({ frozen }) => frozen),
            action.instance,
          ),
        );
        break;
      case "fail":
        this.#bench.standIn.fail(action.rule);
        this.#failing = true;
        this.#faults += 1;
        break;
      case "heal":
        this.#heal();
        break;
      case "lag":
        this.#bench.standIn.setLag(action.seconds);
        break;
      case "attack":
        await this.#attack(pick(this.#serving(), action.instance), action.kids);
        break;
    }
    for (const instance of this.#instances) this.#checkBudget(instance);
  }

  /** Ends all faults, and checks every session at every instance. */
  async settle(): Promise<void> {
    this.#heal();
    for (const instance of this.#instances) if (instance.frozen) await this.#thaw(instance);
    await this.#wait(RECOVERY + BOUND);
    for (const instance of this.#serving()) {
      for (const session of this.#sessions) {
        const outcome = await this.#request(instance, session);
        if (outcome === "key_unavailable")
          this.#violated("unavailable though all is well", session);
      }
    }
  }

  #now(): number {
    return this.#bench.time.now();
  }

  #serving(): Instance[] {
    return this.#instances.filter(({ ready, frozen }) => ready && !frozen);
  }

  async #wait(seconds: number): Promise<void> {
    await this.#bench.time.advance(seconds);
    if (this.#failing) this.#faultUntil = this.#now();
    for (const instance of this.#instances) if (!instance.ready) await this.#probe(instance);
  }

  async #scaleUp(): Promise<void> {
    if (this.#instances.length === 5) return;
    this.#born += 1;
    const instance: Omit<Instance, "app" | "keys"> = {
      name: `i${this.#born}`,
      born: this.#now(),
      calls: 0,
      ready: false,
      frozen: false,
      gate: undefined,
    };
    const fetch: typeof globalThis.fetch = async (input, init = {}) => {
      started.calls += 1;
      const { gate } = started;
      // Frozen timers don't run, so neither does a timeout.
      const { signal, ...untimed } = init;
      const response = await this.#bench.standIn.fetch(input, gate === undefined ? init : untimed);
      await gate?.promise;
      signal?.throwIfAborted();
      return response;
    };
    const keys = this.#bench.keys({ fetch, random: () => (this.#born * 0.37) % 1 });
    const clock = () => Math.floor(this.#now());
    const { app } = sessionApp({ keys, clock, sessionLifetime: LIFETIME }, (routes) => {
      routes.post("/sign-in", (req, res) => {
        startSession(req, signedIn("u"));
        res.sendStatus(200);
      });
      routes.get("/api", (req, res) => {
        res.status(isSignedIn(req) ? 200 : 401).json(res.locals.session);
      });
    });
    const started: Instance = Object.assign(instance, { app, keys });
    this.#instances.push(started);
    await this.#probe(started);
  }

  async #probe(instance: Instance): Promise<void> {
    const { ready } = await this.#bench.time.settle(instance.keys.readiness());
    instance.ready = ready;
    const usable = this.#versions().some(
      ({ state, createTime }) => state === "ENABLED" && createTime < this.#now() - RECOVERY,
    );
    if (!ready && usable && !this.#recentFault()) {
      // An instance that was not ready may wait an interval before its next attempt.
      if (instance.born === this.#now()) this.#violated("not ready", instance.name);
    }
  }

  async #signIn(choice: number): Promise<void> {
    const instance = pick(this.#serving(), choice);
    if (instance === undefined || this.#sessions.length === 12) return;
    const begun = this.#now();
    const response = await this.#send(instance, "POST", "/sign-in");
    this.seen.signIns += 1;
    const versions = this.#versions();
    const enabled = versions.filter(({ state }) => state === "ENABLED");
    if (response.statusCode === 503) {
      const settled = enabled.some(({ createTime }) => createTime < begun - BOUND);
      if (settled && !this.#recentFault()) this.#violated("no key to sign in with", instance.name);
      return;
    }
    if (response.statusCode !== 200) this.#violated("sign-in", response.statusCode, response.body);
    const header = String(response.headers["set-cookie"]);
    const [, value] = /^session=([\w+/=-]+);/.exec(header) ?? [];
    const version = Number(/^v1\.(\d+)\./.exec(tokenIn(value))?.[1]);
    if (value === undefined || Number.isNaN(version)) this.#violated("no session", header);
    const age = begun - (this.#createdAt.get(version) ?? Number.NaN);
    const established = enabled.some(
      ({ createTime }) => begun - createTime >= LIMITS.activationDelay + RECOVERY,
    );
    if (age < LIMITS.activationDelay && established) this.#violated("signed too soon", version);
    const session: Session = {
      cookie: `session=${value}`,
      version,
      expires: [Math.floor(begun) + LIFETIME, Math.floor(this.#now()) + LIFETIME],
    };
    this.#sessions.push(session);
    // Every instance accepts a key as soon as it signs.
    for (const other of this.#serving()) await this.#request(other, session);
  }

  async #request(instance: Instance, session: Session): Promise<string> {
    const begun = this.#now();
    const response = await this.#send(instance, "GET", "/api", session.cookie);
    const ended = this.#now();
    if (response.headers["set-cookie"] !== undefined) this.#violated("touched the cookie", session);
    const outcome: string =
      response.statusCode === 503 ? "key_unavailable" : JSON.parse(response.body).session;
    const revoked = this.#revokedAt.get(session.version) ?? Number.POSITIVE_INFINITY;
    const where = { instance: instance.name, session, outcome, now: ended };
    switch (outcome) {
      case "ok": {
        this.seen.ok += 1;
        if (begun >= session.expires[1]) this.#violated("accepted though expired", where);
        const since = Math.max(revoked, this.#faultUntil);
        if (begun > since + BOUND && !this.#failing) {
          this.#violated("accepted though its key was disabled", where);
        }
        break;
      }
      case "expired":
        this.seen.expired += 1;
        if (ended < session.expires[0]) this.#violated("expired too soon", where);
        break;
      case "retired_key":
        this.seen.retired += 1;
        if (ended < revoked && ended < session.expires[0]) this.#violated("lost its key", where);
        break;
      case "key_unavailable": {
        this.seen.unavailable += 1;
        if (response.headers["retry-after"] === undefined) this.#violated("no Retry-After", where);
        if (!this.#recentFault()) this.#violated("unavailable", where);
        break;
      }
      default:
        this.#violated("refused", where);
    }
    return outcome;
  }

  #send(instance: Instance, method: "GET" | "POST", url: string, cookie?: string) {
    const request = { method, url, headers: cookie === undefined ? {} : { cookie } };
    return this.#bench.time.settle(inject(instance.app, request));
  }

  async #rotate(reason: RotationReason): Promise<void> {
    const client = createRestClient({
      api: SECRET_MANAGER_API,
      endpoint: ENDPOINT,
      timeout: 10,
      fetch: this.#bench.standIn.fetch,
      abortAfter: this.#bench.time.abortAfter,
    });
    const store = createVersionStore(client, SECRET);
    const work = async () => {
      const { versions, now } = await store.read();
      const plan = planRotation(versions, POLICY, now, reason);
      for (const { version } of versions) {
        const needed = this.#sessions.some((s) => s.version === version && s.expires[1] > now);
        const destroyed = plan.steps.some(
          (step) => step.action === "destroy" && step.version.version === version,
        );
        if (needed && destroyed && !this.#revokedAt.has(version)) {
          this.#violated("destroys a key that a session needs", version);
        }
      }
      await rotate(plan, { store, random: randomBytes });
    };
    await this.#bench.time.settle(
      work().catch((error: unknown) => {
        if (!this.#failing || !isExpected(error)) throw error;
      }),
    );
    const now = this.#now();
    if (this.#failing) this.#faultUntil = now;
    for (const { version, state, createTime } of this.#versions()) {
      if (!this.#createdAt.has(version)) this.#createdAt.set(version, createTime);
      const revoked = reason === "compromised" && state === "DISABLED";
      if (revoked && !this.#revokedAt.has(version)) this.#revokedAt.set(version, now);
    }
  }

  #revoke(choice: number, verb: "disable" | "destroy"): void {
    const enabled = this.#versions().filter(({ state }) => state === "ENABLED");
    const version = pick(enabled, choice)?.version;
    // Disabling the last key is an intended outage, which is not tested here.
    if (version === undefined || enabled.length === 1) return;
    this.#bench.standIn.store[verb](SECRET.project, SECRET.name, String(version));
    this.#revokedAt.set(version, this.#now());
  }

  #freeze(instance: Instance | undefined): void {
    if (instance === undefined) return;
    instance.gate = Promise.withResolvers();
    // Freezes during a refresh, if one is due.
    void instance.keys.refresh();
    instance.frozen = true;
  }

  async #thaw(instance: Instance | undefined): Promise<void> {
    if (instance === undefined) return;
    instance.frozen = false;
    instance.gate?.resolve();
    instance.gate = undefined;
    const [session] = this.#sessions.slice(-1);
    if (session !== undefined && instance.ready) await this.#request(instance, session);
  }

  #heal(): void {
    if (this.#failing) this.#faultUntil = this.#now();
    this.#failing = false;
    this.#bench.standIn.heal();
  }

  async #attack(instance: Instance | undefined, kids: readonly number[]): Promise<void> {
    if (instance === undefined) return;
    this.seen.attacks += 1;
    const newest = this.#createdAt.size;
    const garbage = Buffer.alloc(60).toString("base64url");
    await Promise.all(
      kids.flatMap((kid) =>
        [kid, newest + kid].map((number) =>
          this.#send(instance, "GET", "/api", `session=${cookieOf(`v1.${number}.${garbage}`)}`),
        ),
      ),
    );
  }

  #checkBudget({ name, born, calls }: Instance): void {
    const alive = this.#now() - born;
    const versions = this.#createdAt.size;
    const readings = alive / (LIMITS.refreshInterval * 0.8) + 2 + 8 * this.#faults;
    const lookups = 2 + alive / LOOKUP_INTERVAL;
    // For each refresh a probe and each version; once the list, and each version's state and time.
    const budget = readings * (1 + versions) + 1 + 2 * versions + lookups;
    const repeated = this.#faults > 0 ? 2 : 1;
    if (calls > budget * repeated) this.#violated("too many calls", { name, calls, budget });
  }

  #recentFault(): boolean {
    return this.#failing || this.#now() - this.#faultUntil <= RECOVERY;
  }

  /** The true versions, without lag and faults. */
  #versions() {
    const { store } = this.#bench.standIn;
    const versions = [];
    for (let version = 1; ; version += 1) {
      try {
        const { state, createTime } = store.get(SECRET.project, SECRET.name, String(version));
        versions.push({ version, state, createTime: Date.parse(createTime) / 1000 });
      } catch {
        return versions;
      }
    }
  }

  #violated(what: string, ...details: unknown[]): never {
    throw new Error(`${what}: ${JSON.stringify(details)}`);
  }
}

/** Picks an item by a number of any size. */
function pick<Thing>(things: readonly Thing[], choice: number): Thing | undefined {
  return things[choice % things.length];
}

/** A token as a cookie's value. */
function cookieOf(sealed: string): string {
  return Buffer.from(JSON.stringify({ sealed })).toString("base64");
}

function tokenIn(cookie = ""): string {
  return JSON.parse(Buffer.from(cookie, "base64").toString() || "{}").sealed ?? "";
}

function isExpected(error: unknown): boolean {
  return error instanceof RotationError || (error instanceof Error && "failure" in error);
}

/**
 * Seconds after the last sign-in after which all sessions have expired and old keys are retired.
 */
export const EVERYTHING_RETIRED = LIFETIME + LIMITS.activationDelay + RETIREMENT_MARGIN;
