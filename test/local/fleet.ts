import type { IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type Backend, Balancer } from "./balancer.ts";
import { Instance, type InstanceState, type Revision } from "./instance.ts";

/** Events of a fleet. */
export interface FleetEvents {
  readonly onLine?: (instance: InstanceView, line: string) => void;
  readonly onReady?: (instance: InstanceView) => void;
  /** An instance ended or timed out before it was ready. */
  readonly onStartFailed?: (instance: InstanceView, revision: Revision) => void;
  /** An instance ended unexpectedly; another one starts after `delay` milliseconds. */
  readonly onCrash?: (instance: InstanceView, how: string, delay: number) => void;
  readonly onUnhealthy?: (instance: InstanceView) => void;
  /** The set of instances that get requests has changed. */
  readonly onChange?: () => void;
  /** An instance fails its readiness probe and gets no requests, or passes it again. */
  readonly onReadiness?: (instance: InstanceView) => void;
  /** An instance did not respond to a request. It is retried at another one where that is safe. */
  readonly onFailure?: (instance: InstanceView, error: Error, request: IncomingMessage) => void;
}

export interface FleetOptions {
  readonly revision: Revision;
  readonly instances: number;
  /** Port of the balancer; 0 for any that is free. */
  readonly port?: number;
  /** Scheme of the public URL; default: http. */
  readonly proto?: "http" | "https";
  readonly events?: FleetEvents;
  /** Picks an instance; in [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

/** The readable part of an instance. */
export interface InstanceView {
  /** Name in the header X-Instance; before the first response, the process ID. */
  readonly id: string;
  readonly pid: number | undefined;
  /** 0 until it listens. */
  readonly port: number;
  readonly state: InstanceState;
}

/** The instances of a revision did not get ready. As with Cloud Run, it gets no requests. */
export class RevisionFailedError extends Error {
  readonly code = "REVISION_FAILED";

  constructor() {
    super("The service did not get ready. Its output above says why.");
    this.name = "RevisionFailedError";
  }
}

/** Milliseconds that a request waits for an instance. */
const PENDING_LIMIT = 10_000;

/** Milliseconds before a crashed instance is replaced; doubled after each crash in a row. */
const FIRST_BACKOFF = 100;
const LAST_BACKOFF = 10_000;
/** Milliseconds that an instance must run to reset the backoff. */
const STEADY_AFTER = 30_000;

/**
 * Fraction of instances that must pass the readiness probe for a region to be healthy:
 * https://cloud.google.com/run/docs/configuring/configure-service-health
 */
const HEALTHY_PART = 0.6;

/**
 * A Cloud Run service on this machine: instances of one revision behind a balancer that picks one at
 * random for each request. Crashed instances are replaced.
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
  /** Aborts the waits of the backoff when the fleet closes. */
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
   * Starts a fleet. Resolves when every instance is ready.
   *
   * @throws RevisionFailedError if one does not get ready; the error of a taken port
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
   * does.
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

  /** Kills an instance, with its requests in flight. It is not replaced. */
  async kill(id: string = this.#anyId(), signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const instance = this.#find(id);
    this.#forget(instance);
    instance.kill(signal);
    await instance.ended();
  }

  /** Makes an instance crash. Unlike a killed one, it is replaced. */
  async crash(id: string = this.#anyId()): Promise<void> {
    const instance = this.#find(id);
    instance.kill("SIGKILL");
    await instance.ended();
  }

  /** Scales in: the instance gets no more requests, completes those in flight, and ends. */
  async drain(id: string = this.#anyId()): Promise<void> {
    const instance = this.#find(id);
    this.#forget(instance);
    await instance.drain();
  }

  /** Stops an instance's CPU until it is thawed. Meanwhile it gets no requests. */
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
   * Deploys another revision without losing a request: the old instances are drained once as many
   * new ones are ready. If the new ones don't get ready, the old ones stay.
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
    // Includes instances that replaced a crashed one meanwhile.
    const outdated = this.#instances.filter((instance) => instance.revision !== next);
    for (const instance of outdated) this.#forget(instance);
    await Promise.all(outdated.map((instance) => instance.drain()));
  }

  /**
   * Ends everything: no new requests, SIGTERM to all instances, later SIGKILL; or SIGKILL at once, as
   * in the loss of a region.
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

  /** Starts instances, and returns those that got ready. */
  async #startMany(count: number, revision: Revision): Promise<Instance[]> {
    const instances = await Promise.all(Array.from({ length: count }, () => this.#start(revision)));
    return instances.filter(({ state }) => state !== "ended" && state !== "draining");
  }

  /** Resolves when the instance is ready or has failed to get ready. */
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
    // The caller of #start handles an instance that never got ready.
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
    // If another revision was deployed meanwhile, its instances replace this one.
    if (this.#closing || revision !== this.#revision) return;
    if (next.state === "ended") void this.#replace(next, "before it was ready");
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
