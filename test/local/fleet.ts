import type { IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type Backend, Balancer } from "./balancer.ts";
import { Instance, type InstanceState, type Revision } from "./instance.ts";

/** What happens in a fleet, for whoever shows it. */
export interface FleetEvents {
  readonly onLine?: (instance: InstanceView, line: string) => void;
  readonly onReady?: (instance: InstanceView) => void;
  /** An instance ended, or ran out of time, before it was ready. */
  readonly onStartFailed?: (instance: InstanceView, revision: Revision) => void;
  /** An instance ended that should not have; another one starts after `delay` milliseconds. */
  readonly onCrash?: (instance: InstanceView, how: string, delay: number) => void;
  readonly onUnhealthy?: (instance: InstanceView) => void;
  /** Other instances than before get requests, or none. */
  readonly onChange?: () => void;
  /** An instance fails its readiness probe and gets no requests, or passes it again. */
  readonly onReadiness?: (instance: InstanceView) => void;
  /** A request got no answer; if it can be repeated, another instance gets it. */
  readonly onFailure?: (instance: InstanceView, error: Error, request: IncomingMessage) => void;
}

export interface FleetOptions {
  readonly revision: Revision;
  readonly instances: number;
  /** Port of the balancer; 0 for any that is free. */
  readonly port?: number;
  /** The scheme that visitors are supposed to use; `http` if left out. */
  readonly proto?: "http" | "https";
  readonly events?: FleetEvents;
  /** Picks among instances: a number from 0 up to, not including, 1. */
  readonly random?: () => number;
}

/** An instance as others see it. */
export interface InstanceView {
  /** What it calls itself in X-Instance; before its first answer, its process. */
  readonly id: string;
  readonly pid: number | undefined;
  /** 0 until it listens. */
  readonly port: number;
  readonly state: InstanceState;
}

/** No instance of a revision got ready: as with Cloud Run, the revision gets no requests. */
export class RevisionFailedError extends Error {
  readonly code = "REVISION_FAILED";

  constructor() {
    super("The service did not get ready; what it wrote says why.");
    this.name = "RevisionFailedError";
  }
}

/** How long a request waits for an instance if there is none (milliseconds). */
const PENDING_LIMIT = 10_000;

/** Pauses before a crashed instance is replaced (milliseconds): doubled for each crash in a row. */
const FIRST_BACKOFF = 100;
const LAST_BACKOFF = 10_000;
/** An instance that lived this long (milliseconds) ends the row. */
const STEADY_AFTER = 30_000;

/**
 * Part of its instances that has to pass its readiness probe for a region to be healthy:
 * https://cloud.google.com/run/docs/configuring/configure-service-health
 */
const HEALTHY_PART = 0.6;

/**
 * A Cloud Run service on this machine: instances of one revision behind a balancer that picks one
 * at random for each request. Instances that crash are replaced.
 */
export class Fleet {
  readonly #events: FleetEvents;
  readonly #balancer: Balancer;
  readonly #random: () => number;
  readonly #waiting = new Set<() => void>();
  #revision: Revision;
  #instances: Instance[] = [];
  #ready: Instance[] = [];
  #crashes = 0;
  #closing = false;
  #port = 0;
  /** Ends pauses of the backoff when the fleet closes. */
  readonly #closed = new AbortController();

  private constructor(options: FleetOptions) {
    this.#events = options.events ?? {};
    this.#revision = options.revision;
    this.#random = options.random ?? Math.random;
    this.#balancer = new Balancer({
      proto: options.proto ?? "http",
      pick: (failed) => this.#pick(failed),
      onFailure: (backend, error, request) =>
        this.#events.onFailure?.(backend as Instance, error, request),
    });
  }

  /**
   * Starts a fleet; resolves when every instance is ready.
   *
   * @throws RevisionFailedError if none gets ready, and the error of the balancer's port
   */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    fleet.#port = await fleet.#balancer.listen(options.port ?? 0);
    const started = await fleet.#startMany(options.instances, options.revision);
    if (started.length < options.instances) {
      await fleet.close();
      throw new RevisionFailedError();
    }
    return fleet;
  }

  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /**
   * Whether a global load balancer would send requests here. Without a readiness probe it always
   * would: nothing tells it not to.
   */
  get healthy(): boolean {
    if (this.#closing) return false;
    if (this.#revision.readinessProbe === undefined) return true;
    const failing = this.#instances.filter(({ state }) => state === "unready").length;
    const passing = this.#ready.length;
    return passing > 0 && passing >= HEALTHY_PART * (passing + failing);
  }

  /** All instances that listen and have not ended, oldest first. */
  instances(): readonly InstanceView[] {
    return this.#instances.filter(({ port }) => port !== 0);
  }

  /** Starts one more instance; resolves when it gets requests. */
  async add(): Promise<InstanceView> {
    const [instance] = await this.#startMany(1, this.#revision);
    if (instance === undefined) throw new RevisionFailedError();
    return instance;
  }

  /** Ends an instance at once, in the middle of whatever it does; it is not replaced. */
  async kill(id: string = this.#anyId(), signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const instance = this.#find(id);
    this.#forget(instance);
    instance.kill(signal);
    await instance.ended();
  }

  /** Makes an instance crash: unlike one that is killed, it is replaced. */
  async crash(id: string = this.#anyId()): Promise<void> {
    const instance = this.#find(id);
    instance.kill("SIGKILL");
    await instance.ended();
  }

  /** Scales in: the instance gets no more requests, answers what it has, then ends. */
  async drain(id: string = this.#anyId()): Promise<void> {
    const instance = this.#find(id);
    this.#forget(instance);
    await instance.drain();
  }

  /** Takes an instance's CPU away, and requests with it, until it is thawed. */
  freeze(id: string = this.#anyId()): string {
    const instance = this.#find(id);
    instance.freeze();
    this.#update();
    return id;
  }

  thaw(id: string): void {
    this.#find(id).thaw();
    this.#update();
  }

  /**
   * Deploys another revision and loses no request: as many new instances get ready before the old
   * ones are drained. If the new ones don't get ready, the old ones stay.
   *
   * @throws RevisionFailedError
   */
  async roll(revision: Revision): Promise<void> {
    const next = { ...revision };
    const count = this.#instances.length;
    const started = await this.#startMany(count, next);
    if (started.length < count) {
      for (const instance of started) this.#forget(instance);
      await Promise.all(started.map((instance) => instance.drain()));
      throw new RevisionFailedError();
    }
    this.#revision = next;
    // Also those that replaced one in the meantime.
    const outdated = this.#instances.filter((instance) => instance.revision !== next);
    for (const instance of outdated) this.#forget(instance);
    await Promise.all(outdated.map((instance) => instance.drain()));
  }

  /**
   * Ends everything: no new requests, SIGTERM to all, SIGKILL to what is left; or SIGKILL at once,
   * as in a region that is lost.
   */
  async close(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#closed.abort();
    const instances = [...this.#instances];
    this.#ready = [];
    for (const wake of this.#waiting) wake();
    await this.#balancer.close();
    await Promise.all(
      instances.map((instance) => {
        if (signal === "SIGKILL" || instance.state === "starting") instance.kill("SIGKILL");
        return instance.drain(0);
      }),
    );
  }

  /** Those that got ready, once each has or has not. */
  async #startMany(count: number, revision: Revision): Promise<Instance[]> {
    const instances = await Promise.all(Array.from({ length: count }, () => this.#start(revision)));
    return instances.filter(({ state }) => state !== "ended" && state !== "draining");
  }

  /** Resolves when the instance is ready, or has ended because it did not get ready. */
  async #start(revision: Revision): Promise<Instance> {
    const instance = new Instance(revision, {
      onLine: (source, line) => this.#events.onLine?.(source, line),
      onUnhealthy: (source) => this.#events.onUnhealthy?.(source),
      onReadiness: (source) => {
        this.#update();
        this.#events.onReadiness?.(source);
      },
      onExit: (source, how) => this.#onExit(source, how),
    });
    this.#instances.push(instance);
    if (this.#closing) instance.kill("SIGKILL");
    if (await instance.untilReady()) {
      this.#update();
      this.#events.onReady?.(instance);
    } else if (!this.#closing) {
      this.#events.onStartFailed?.(instance, revision);
    }
    return instance;
  }

  #onExit(instance: Instance, how: string): void {
    const wanted = this.#instances.includes(instance);
    this.#forget(instance);
    // One that never got ready is the business of whoever started it.
    if (wanted && instance.started && !this.#closing) void this.#replace(instance, how);
  }

  async #replace(instance: Instance, how: string): Promise<void> {
    const startedAt = performance.now();
    const backoff = Math.min(FIRST_BACKOFF * 2 ** this.#crashes, LAST_BACKOFF);
    this.#crashes += 1;
    this.#events.onCrash?.(instance, how, backoff);
    try {
      await delay(backoff, undefined, { signal: this.#closed.signal });
    } catch {
      return;
    }
    const revision = this.#revision;
    const next = await this.#start(revision);
    // A revision that was replaced meanwhile took its instances with it.
    if (this.#closing || revision !== this.#revision) return;
    if (next.state === "ended") void this.#replace(next, "without getting ready");
    else setTimeout(() => this.#calm(next), STEADY_AFTER - (performance.now() - startedAt)).unref();
  }

  #calm(instance: Instance): void {
    if (instance.state === "ready") this.#crashes = 0;
  }

  #pick(failed: ReadonlySet<Backend>): Instance | undefined | Promise<Instance | undefined> {
    const ready = failed.size === 0 ? this.#ready : this.#ready.filter((one) => !failed.has(one));
    if (ready.length > 0) return ready[Math.floor(this.#random() * ready.length)];
    return this.#closing ? undefined : this.#wait(failed);
  }

  async #wait(failed: ReadonlySet<Backend>): Promise<Instance | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PENDING_LIMIT).unref();
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
    return this.#ready.find((instance) => !failed.has(instance));
  }

  #forget(instance: Instance): void {
    this.#instances = this.#instances.filter((one) => one !== instance);
    this.#update();
  }

  #update(): void {
    this.#ready = this.#instances.filter((instance) => instance.state === "ready");
    if (this.#ready.length > 0) for (const wake of this.#waiting) wake();
    this.#events.onChange?.();
  }

  #find(id: string): Instance {
    const instance = this.#instances.find((one) => one.id === id);
    if (instance === undefined) throw new Error(`There is no instance ${id}.`);
    return instance;
  }

  #anyId(): string {
    const ready = this.#ready;
    const instance = ready[Math.floor(this.#random() * ready.length)];
    if (instance === undefined) throw new Error("There is no instance that is ready.");
    return instance.id;
  }
}
