import { createEndedList, type EndedList } from "../../service/ended/endedList.ts";
import type { Standing } from "../../service/ended/endedSessions.ts";
import {
  addressMark,
  EVERYBODY,
  markObject,
  sessionHash,
  userMark,
  type Who,
} from "../../service/ended/marks.ts";
import { createMarkWriter } from "../../service/ended/markWriter.ts";
import type { FaultRule } from "../local/storage/standIn.ts";
import { createEndedBench, type EndedInstance, ISSUER, LIFETIME } from "../support/endedBench.ts";

/** An event. `instance`, `session` and `person` choose among those that exist. */
export type Action =
  | { readonly do: "wait"; readonly seconds: number }
  | { readonly do: "signIn"; readonly instance: number; readonly person: number }
  | { readonly do: "request" | "signOut"; readonly instance: number; readonly session: number }
  | { readonly do: "everywhere"; readonly instance: number; readonly person: number }
  | { readonly do: "operator"; readonly person: number; readonly clockOffset: number }
  | { readonly do: "scaleUp"; readonly clockOffset: number }
  | { readonly do: "scaleDown"; readonly instance: number }
  | { readonly do: "others"; readonly count: number }
  | { readonly do: "uploads"; readonly take: number }
  | { readonly do: "fail"; readonly rule: FaultRule }
  | { readonly do: "heal" };

/** Mutations of the code, which the model must detect. */
export type Mutation = "noOverlap" | "marksDeletedAtSignIn" | "checkedAtIgnored";

interface Instance {
  readonly ended: EndedInstance;
  readonly born: number;
  lists: number;
  signIns: number;
}

interface Session {
  readonly sid: string;
  readonly person: number;
  readonly iat: number;
  /** Times at which the sign-in began and ended. */
  readonly begun: readonly [number, number];
  /** Whether the poll before it may have failed. */
  readonly unsure: boolean;
  /** Time and instance of the first attempt to sign out. */
  triedAt: number;
  readonly triedBy: Set<Instance>;
  /** Time at which the sign-out was confirmed. */
  endedAt: number;
}

/** An end of all sessions of a person, or of everybody. */
interface PersonEnd {
  readonly person: number | "all";
  readonly triedAt: number;
  /** Infinity if the mark may not have been written. */
  readonly endedAt: number;
}

/** Seconds within which every instance knows of an end: 20, plus 1 for rounding. */
const BOUND = 21;
/** Seconds after a fault until a poll succeeds: an interval and a retry. */
const RECOVERY = 20;
/** Small, so that marks are evicted often. */
const LIMITS = { maxSessions: 60, maxChecked: 20 };

/** A violation of the service's promises. */
export class Violation extends Error {}

/**
 * Instances that follow one list of ended sessions in a fake Cloud Storage, in virtual time. Each
 * response is checked against the true state.
 */
export class EndedModel {
  readonly #bench = createEndedBench();
  readonly #instances: Instance[] = [];
  readonly #sessions: Session[] = [];
  readonly #ends: PersonEnd[] = [];
  readonly #mutation: Mutation | undefined;
  #failing = false;
  #faultUntil = Number.NEGATIVE_INFINITY;
  #disturbed = false;
  #others = 0;
  /** Counts of what happened in a run, so that a test can require coverage. */
  readonly seen = { live: 0, ended: 0, signOuts: 0, everywhere: 0 };

  constructor(mutation?: Mutation) {
    this.#mutation = mutation;
    for (const clockOffset of [-2, 0, 2]) this.#scaleUp(clockOffset);
  }

  async apply(action: Action): Promise<void> {
    switch (action.do) {
      case "wait":
        await this.#bench.time.advance(action.seconds);
        if (this.#failing) this.#faultUntil = this.#now();
        break;
      case "signIn":
        await this.#signIn(pick(this.#instances, action.instance), action.person);
        break;
      case "request":
        await this.#request(
          pick(this.#instances, action.instance),
          pick(this.#sessions, action.session),
        );
        break;
      case "signOut":
        await this.#signOut(
          pick(this.#instances, action.instance),
          pick(this.#sessions, action.session),
        );
        break;
      case "everywhere": {
        const { ended } = pick(this.#instances, action.instance) ?? {};
        if (ended === undefined) break;
        const who = userMark(ISSUER, nameOf(action.person));
        await this.#endPeople(action.person, () => ended.endPeople(who));
        break;
      }
      case "operator": {
        const clock = () => this.#now() + action.clockOffset;
        const writer = createMarkWriter({ bucket: this.#bench.bucket(60), clock });
        const all = action.person % 7 === 6;
        const who: Who = all ? EVERYBODY : addressMark(addressOf(action.person));
        await this.#endPeople(all ? "all" : action.person, () => writer.endPeople(who));
        break;
      }
      case "scaleUp":
        if (this.#instances.length < 5) this.#scaleUp(action.clockOffset);
        break;
      case "scaleDown":
        if (this.#instances.length > 1) {
          this.#instances.splice(action.instance % this.#instances.length, 1);
        }
        break;
      case "others":
        this.#addOthers(action.count);
        break;
      case "uploads":
        this.#bench.standIn.setUploadTime(action.take);
        break;
      case "fail":
        this.#bench.standIn.fail(action.rule);
        this.#failing = true;
        this.#disturbed = true;
        break;
      case "heal":
        this.#heal();
        break;
    }
    for (const instance of this.#instances) this.#checkCalls(instance);
  }

  /** Ends all faults, and checks every session at every instance. */
  async settle(): Promise<void> {
    this.#heal();
    await this.#bench.time.advance(BOUND + RECOVERY);
    for (const instance of this.#instances) {
      for (const session of this.#sessions) await this.#request(instance, session);
    }
  }

  #now(): number {
    return this.#bench.time.now();
  }

  #heal(): void {
    if (this.#failing) this.#faultUntil = this.#now();
    this.#failing = false;
    this.#bench.standIn.heal();
  }

  #faultSince(time: number): boolean {
    return this.#failing || this.#faultUntil >= time;
  }

  #scaleUp(clockOffset: number): void {
    const fetch: typeof globalThis.fetch = (input, init) => {
      if (/\/o\?/.test(String(input)) && init?.method !== "POST") instance.lists += 1;
      return this.#bench.standIn.fetch(input, init);
    };
    const ended = this.#bench.instance({
      clockOffset,
      writeTimeout: 30,
      fetch,
      list: this.#createList(),
      random: () => (this.#instances.length * 0.37) % 1,
    });
    const instance: Instance = { ended, born: this.#now(), lists: 0, signIns: 0 };
    this.#instances.push(instance);
  }

  #createList(): EndedList {
    const overlap = this.#mutation === "noOverlap" ? { overlap: 0 } : {};
    const list = createEndedList({ lifetime: LIFETIME, ...LIMITS, ...overlap });
    if (this.#mutation !== "checkedAtIgnored") return list;
    return { ...list, settle: (sid, result) => list.settle(sid, result, Number.MAX_VALUE) };
  }

  async #signIn(instance: Instance | undefined, person: number): Promise<void> {
    if (instance === undefined || this.#sessions.length === 15) return;
    const begun = this.#now();
    instance.signIns += 1;
    const iat = await this.#bench.time.settle(instance.ended.startTime(personOf(person)));
    const session: Session = {
      sid: `session ${this.#sessions.length}`,
      person,
      iat,
      begun: [begun, this.#now()],
      unsure: this.#faultSince(begun),
      triedAt: Number.POSITIVE_INFINITY,
      triedBy: new Set(),
      endedAt: Number.POSITIVE_INFINITY,
    };
    this.#sessions.push(session);
    if (this.#mutation === "marksDeletedAtSignIn") await this.#deleteMarks();
    await this.#request(instance, session);
  }

  async #deleteMarks(): Promise<void> {
    for (const prefix of ["people/", "feed/"]) {
      const { objects } = this.#bench.standIn;
      const { items = [] } = objects.list("ended", {
        ...{ prefix, startOffset: "", endOffset: "", maxResults: 0, pageToken: "" },
      });
      for (const { name } of items) if (/~[uep]:/.test(name)) objects.remove("ended", name);
    }
  }

  async #signOut(instance: Instance | undefined, session: Session | undefined): Promise<void> {
    if (instance === undefined || session === undefined) return;
    session.triedAt = Math.min(session.triedAt, this.#now());
    session.triedBy.add(instance);
    const exp = session.iat + LIFETIME;
    try {
      await this.#bench.time.settle(instance.ended.endSession({ sid: session.sid, exp }));
      session.endedAt = Math.min(session.endedAt, this.#now());
      this.seen.signOuts += 1;
    } catch {
      // The browser tries again; until then it may have ended or not.
    }
    await this.#request(instance, session);
  }

  async #endPeople(person: number | "all", end: () => Promise<unknown>): Promise<void> {
    const triedAt = this.#now();
    let endedAt = Number.POSITIVE_INFINITY;
    try {
      await this.#bench.time.settle(end());
      endedAt = this.#now();
      this.seen.everywhere += 1;
    } catch {
      // As above.
    }
    this.#ends.push({ person, triedAt, endedAt });
  }

  /** Ends other people's sessions, one per millisecond. */
  #addOthers(count: number): void {
    this.#disturbed = true;
    for (let i = 0; i < count; i += 1) {
      this.#others += 1;
      const who: Who = { kind: "s", hash: sessionHash(`other ${this.#others}`) };
      const name = markObject("feed", { who, time: this.#now() - i / 1000 }, "abcdefghij_");
      this.#bench.standIn.objects.create("ended", { name, contentType: "text/plain" }, true);
    }
  }

  async #request(instance: Instance | undefined, session: Session | undefined): Promise<void> {
    if (instance === undefined || session === undefined) return;
    const begun = this.#now();
    const { sid, iat, person } = session;
    const checked = instance.ended.check({ sid, iat, ...personOf(person) });
    const standing = await this.#bench.time.settle<Standing>(checked);
    const ends = this.#ends.filter((end) => end.person === "all" || end.person === person);
    if (standing === "live") {
      this.seen.live += 1;
      // With many other ends, the mark is evicted, and must be found in the bucket.
      const written = session.endedAt < Number.POSITIVE_INFINITY;
      const readable = written && !this.#faultSince(begun - BOUND - RECOVERY);
      if (session.triedBy.has(instance) && (readable || this.#others === 0)) {
        this.#violated("lives where it was ended", session);
      }
      const over = [
        session.endedAt,
        ...ends.filter(({ triedAt }) => session.begun[1] < triedAt).map(({ endedAt }) => endedAt),
      ];
      const since = Math.min(...over);
      if (begun > since + BOUND && !this.#faultSince(begun - BOUND - RECOVERY)) {
        this.#violated(`lives ${begun - since} s after its end`, session);
      }
    } else if (standing === "ended") {
      this.seen.ended += 1;
      // An end during the sign-in may apply to the session or not.
      const may = ends.some(
        ({ endedAt }) => session.begun[0] <= endedAt + (session.unsure ? BOUND : 0),
      );
      if (session.triedAt === Number.POSITIVE_INFINITY && !may) {
        this.#violated("was ended by nobody", session);
      }
    } else {
      this.#violated("is refused, though outages are gone through", session);
    }
  }

  /**
   * At most one poll per 8 s (10 s - 20 %), two lists at the start, and a poll for each sign-in.
   */
  #checkCalls({ born, lists, signIns }: Instance): void {
    if (this.#disturbed) return;
    const most = 4 + (this.#now() - born) / 8 + 4 * signIns;
    if (lists > most) this.#violated(`${lists} lists where ${most} are enough`);
  }

  #violated(what: string, session?: Session): never {
    const { triedBy: _, ...rest } = session ?? { triedBy: undefined };
    const now = this.#now();
    throw new Violation(`${what}: ${JSON.stringify({ session: rest, ends: this.#ends, now })}`);
  }
}

function personOf(person: number) {
  return { iss: ISSUER, user_id: nameOf(person), user_email: addressOf(person) };
}

function nameOf(person: number): string {
  return `person ${person % 3}`;
}

function addressOf(person: number): string {
  return `person${person % 3}@example.com`;
}

function pick<Item>(items: readonly Item[], choice: number): Item | undefined {
  return items[choice % Math.max(1, items.length)];
}
