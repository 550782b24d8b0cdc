import { Agent, type IncomingMessage } from "node:http";
import { type Backend, Balancer } from "./balancer.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";

/** Regions of the local run, the nearest first. */
export const LOCAL_REGIONS = ["europe-west1", "us-central1", "asia-east1"] as const;

interface RegionOptions extends Omit<FleetOptions, "port" | "proto"> {
  /** Such as `europe-west1`. */
  readonly name: string;
}

/** Events of the load balancer in front of the regions. */
export interface RegionsEvents {
  /** Another region gets the requests from now on; undefined: none. */
  readonly onServing?: (region: string | undefined) => void;
  /** A region did not respond to a request, or with a gateway error. It may be retried. */
  readonly onFailure?: (region: string, error: Error, request: IncomingMessage) => void;
}

interface RegionsOptions {
  /** The nearest first. */
  readonly regions: readonly RegionOptions[];
  /** 0 for any that is free. */
  readonly port?: number;
  /** Scheme of the public URL; default: http. */
  readonly proto?: "http" | "https";
  readonly events?: RegionsEvents;
}

/**
 * The regions of a service behind one address, as behind Google's global load balancer: requests go
 * to the nearest healthy region, and a request without a body is retried once in the next one. A
 * single region has no load balancer.
 *
 * Two things are simpler than at Google. A lost region gets no further request; Google's load
 * balancer notices the loss seconds later. A region that is back gets all requests at once; Google's
 * load balancer restores traffic gradually:
 * https://cloud.google.com/run/docs/configuring/configure-service-health
 */
export class Regions {
  readonly all: readonly Region[];
  readonly #balancer: Balancer;
  readonly #events: RegionsEvents;
  #serving: Region | undefined;
  #started = false;
  #port = 0;

  private constructor({ regions, port = 0, proto = "http", events = {} }: RegionsOptions) {
    const own = regions.length === 1 ? port : 0;
    this.all = regions.map(
      ({ name, ...fleet }) =>
        new Region(name, {
          ...fleet,
          events: { ...fleet.events, onChange: () => this.#look() },
          proto,
          port: own,
        }),
    );
    this.#events = events;
    this.#balancer = new Balancer({
      proto,
      retriesOnce: true,
      pick: (failed) => this.#pick(failed),
      onFailure: (backend, error, request) =>
        events.onFailure?.((backend as Region).name, error, request),
    });
  }

  /**
   * Starts all regions. Resolves when every instance is ready.
   *
   * @throws RevisionFailedError if a region does not get ready; the error of a taken port
   */
  static async start(options: RegionsOptions): Promise<Regions> {
    const regions = new Regions(options);
    const alone = regions.all.length === 1;
    if (!alone) regions.#port = await regions.#balancer.listen(options.port ?? 0);
    const starts = await Promise.allSettled(regions.all.map((region) => region.start()));
    const failed = starts.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") {
      await regions.close();
      throw failed.reason;
    }
    if (alone) regions.#port = regions.all[0]?.port ?? 0;
    regions.#serving = regions.serving;
    regions.#started = true;
    return regions;
  }

  /** The one address of all of them. */
  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  /** The region that gets the requests; undefined if none is healthy. */
  get serving(): Region | undefined {
    return this.all.find(({ healthy }) => healthy);
  }

  /** Kills a region with all its instances and requests in flight. */
  async lose(region: Region): Promise<void> {
    await region.close("SIGKILL");
    this.#look();
  }

  /** @throws RevisionFailedError if it does not get ready; it stays away. */
  async bringBack(region: Region): Promise<void> {
    await region.start();
    this.#look();
  }

  /**
   * Deploys an archive in all regions, one after the other. A region that is away gets it when it is
   * back.
   *
   * @throws RevisionFailedError
   */
  async roll(directory: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    for (const region of this.all) await region.roll(directory, env);
  }

  async close(): Promise<void> {
    this.#started = false;
    await this.#balancer.close();
    await Promise.all(this.all.map((region) => region.close()));
  }

  #pick(failed: ReadonlySet<Backend>): Region | undefined {
    return this.all.find((region) => region.healthy && !failed.has(region));
  }

  #look(): void {
    const { serving } = this;
    if (!this.#started || serving === this.#serving) return;
    this.#serving = serving;
    this.#events.onServing?.(serving?.name);
  }
}

/** The service in one region: a fleet, or nothing while the region is away. */
export class Region implements Backend {
  readonly name: string;
  readonly agent = new Agent({ keepAlive: true });
  #options: FleetOptions;
  #fleet: Fleet | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(name: string, options: FleetOptions) {
    this.name = name;
    this.#options = options;
  }

  /** @throws Error while the region is away */
  get fleet(): Fleet {
    if (this.#fleet === undefined) throw new Error(`The region ${this.name} is away.`);
    return this.#fleet;
  }

  get away(): boolean {
    return this.#fleet === undefined;
  }

  get healthy(): boolean {
    return this.#fleet?.healthy ?? false;
  }

  get port(): number {
    return this.#fleet?.port ?? 0;
  }

  /** Starts its instances. Resolves when all are ready. @throws RevisionFailedError */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      this.#fleet ??= await Fleet.start(this.#options);
    });
  }

  /** @throws RevisionFailedError if it does not get ready; the earlier one keeps running. */
  roll(directory: string, env: Readonly<Record<string, string>>): Promise<void> {
    return this.#inTurn(async () => {
      const { revision: now } = this.#options;
      const revision = { ...now, directory, env: { ...now.env, ...env } };
      await this.#fleet?.roll(revision);
      this.#options = { ...this.#options, revision };
    });
  }

  /** With SIGKILL, its connections break and its instances end at once. */
  close(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    return this.#inTurn(async () => {
      const fleet = this.#fleet;
      this.#fleet = undefined;
      await fleet?.close(signal);
    });
  }

  /** Runs one operation at a time, so that a key typed twice does not start two fleets. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
