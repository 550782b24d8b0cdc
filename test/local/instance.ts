import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import * as http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parseObject } from "../../service/pure/json.ts";
import { atExit } from "./atExit.ts";
import type { Backend } from "./balancer.ts";

/** An HTTP probe of Cloud Run. */
export interface Probe {
  readonly path: string;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  /** Successes in a row that end a failure. */
  readonly successThreshold: number;
}

/** A revision: what its instances run. */
export interface Revision {
  /** Folder with the unpacked archive. */
  readonly directory: string;
  /** Program and arguments; `node` is the Node that runs this process. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly startupProbe: Probe;
  readonly livenessProbe?: Probe | undefined;
  readonly readinessProbe?: Probe | undefined;
  /** Whether an instance has CPU only while requests are in flight; default: always. */
  readonly cpuIdle?: boolean;
}

interface InstanceEvents {
  /** A line of the instance's output. */
  readonly onLine: (instance: Instance, line: string) => void;
  /** The process has ended, expectedly or not. */
  readonly onExit: (instance: Instance, how: string) => void;
  /** The instance fails its liveness probe and is about to be killed. */
  readonly onUnhealthy: (instance: Instance) => void;
  /** The instance fails its readiness probe, or passes it again. */
  readonly onReadiness: (instance: Instance) => void;
}

/**
 * `starting` until the startup probe succeeds, `ready` while it gets requests, `unready` while the
 * readiness probe fails, `frozen` while it has no CPU, `draining` while it completes its requests
 * before it ends, `ended`.
 */
export type InstanceState = "starting" | "ready" | "unready" | "frozen" | "draining" | "ended";

/** Longest interval of the startup probe (milliseconds); shorter than declared, to start fast. */
const STARTUP_POLL = 50;

/** Cloud Run's documented time from SIGTERM to SIGKILL (milliseconds). */
const TERMINATION_GRACE = 10_000;

/** Retries, because a killed process may still be completing its last write. */
const REMOVE = { recursive: true, force: true, maxRetries: 3 } as const;

/** The variables that a process needs from this machine. The program declares all others. */
const ESSENTIALS = ["PATH", "SYSTEMROOT"];

/** One running instance of the service: a process that listens on loopback. */
export class Instance implements Backend {
  readonly revision: Revision;
  readonly agent = new http.Agent({ keepAlive: true, scheduling: "lifo" });
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #events: InstanceEvents;
  readonly #cpuIdle: boolean;
  #port = 0;
  #inFlight = 0;
  #id: string;
  #state: InstanceState = "starting";
  #started = false;

  /** Starts a process on a free port. It gets no requests before `untilReady` has resolved. */
  constructor(revision: Revision, events: InstanceEvents) {
    this.revision = revision;
    this.#cpuIdle = revision.cpuIdle ?? false;
    this.#events = events;
    const [program = "node", ...args] = revision.command;
    // No two instances share a disk.
    const disk = mkdtempSync(join(tmpdir(), "phoenix-instance-"));
    this.#process = spawn(program === "node" ? process.execPath : program, args, {
      cwd: revision.directory,
      env: { ...essentials(), TMPDIR: disk, TEMP: disk, ...revision.env, PORT: "0" },
      stdio: ["ignore", "pipe", "pipe"],
      // Its own process group: Ctrl-C in the terminal signals the fleet, which ends its instances.
      detached: true,
    });
    const cancel = atExit(() => {
      this.kill("SIGKILL");
      rmSync(disk, REMOVE);
    });
    this.#id = `pid ${this.#process.pid ?? "?"}`;
    this.#exited = new Promise((resolve) => {
      const end = (how: string) => {
        if (this.#state === "ended") return;
        this.#state = "ended";
        this.agent.destroy();
        rmSync(disk, REMOVE);
        cancel();
        events.onExit(this, how);
        resolve();
      };
      this.#process.once("error", (error) => end(error.message));
      this.#process.once("close", (code, signal) => end(signal ?? `code ${code}`));
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        if (this.#port === 0) this.#port = portIn(line);
        events.onLine(this, line);
      });
    }
  }

  /** 0 until the service has logged its port. */
  get port(): number {
    return this.#port;
  }

  /** Name in the header X-Instance; before the first response, the process ID. */
  get id(): string {
    return this.#id;
  }

  get state(): InstanceState {
    return this.#state;
  }

  /** Whether its startup probe has ever succeeded. */
  get started(): boolean {
    return this.#started;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /**
   * Repeats the startup probe until it succeeds, for as long as Cloud Run would. Returns false if the
   * instance ended, or was killed because it took too long.
   */
  async untilReady(): Promise<boolean> {
    const probe = this.revision.startupProbe;
    const limit = probe.initialDelaySeconds + probe.periodSeconds * probe.failureThreshold;
    const deadline = performance.now() + limit * 1000;
    while (this.#state === "starting" && performance.now() < deadline) {
      const answer = this.#port === 0 ? undefined : await ask(this.#port, probe);
      if (answer?.ok) {
        if (this.#state !== "starting") break;
        this.#id = answer.instance ?? this.#id;
        this.#state = "ready";
        this.#started = true;
        this.#watchLiveness();
        this.#watchReadiness();
        this.#rest();
        return true;
      }
      await Promise.race([delay(Math.min(STARTUP_POLL, probe.periodSeconds * 1000)), this.#exited]);
    }
    this.kill("SIGKILL");
    await this.#exited;
    return false;
  }

  begin(): void {
    this.#inFlight += 1;
    if (this.#cpuIdle && this.#inFlight === 1) this.kill("SIGCONT");
  }

  end(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#rest();
  }

  /** Stops the CPU until `thaw`, as Cloud Run may do with an instance that has no request. */
  freeze(): void {
    if (this.#state !== "ready") return;
    this.#state = "frozen";
    this.kill("SIGSTOP");
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    if (!this.#cpuIdle) this.kill("SIGCONT");
    this.#state = "ready";
  }

  /** Sends a signal to the process. */
  kill(signal: NodeJS.Signals): void {
    if (this.#state !== "ended") this.#process.kill(signal);
  }

  /** Resolves when the process has ended. */
  ended(): Promise<void> {
    return this.#exited;
  }

  /**
   * Ends the instance as Cloud Run does: no new requests, SIGTERM once those in flight are answered,
   * SIGKILL ten seconds later.
   *
   * @param patience - milliseconds to wait for requests in flight before SIGTERM
   */
  async drain(patience = TERMINATION_GRACE): Promise<void> {
    if (this.#state === "ended") return;
    this.#state = "draining";
    this.kill("SIGCONT");
    const deadline = performance.now() + patience;
    while (this.#inFlight > 0 && performance.now() < deadline) await delay(10);
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), TERMINATION_GRACE);
    await this.#exited;
    clearTimeout(timer);
  }

  #rest(): void {
    if (this.#cpuIdle && this.#isProbed()) this.kill("SIGSTOP");
  }

  /** Whether it is probed. Cloud Run gives an instance CPU for each probe. */
  #isProbed(): boolean {
    return this.#state === "ready" || this.#state === "unready";
  }

  #watchLiveness(): void {
    const probe = this.revision.livenessProbe;
    this.#watch(probe, (passed, inARow) => {
      if (passed || inARow !== probe?.failureThreshold) return;
      this.#events.onUnhealthy(this);
      this.kill("SIGKILL");
    });
  }

  #watchReadiness(): void {
    const probe = this.revision.readinessProbe;
    this.#watch(probe, (passed, inARow) => {
      const state = passed ? "ready" : "unready";
      const threshold = passed ? probe?.successThreshold : probe?.failureThreshold;
      if (state === this.#state || inARow !== threshold) return;
      this.#state = state;
      this.#events.onReadiness(this);
    });
  }

  /** Repeats a probe. `onOutcome` gets each result, and how often in a row it was the same. */
  #watch(probe: Probe | undefined, onOutcome: (passed: boolean, inARow: number) => void): void {
    if (probe === undefined) return;
    let last: boolean | undefined;
    let inARow = 0;
    const check = async () => {
      const began = performance.now();
      if (this.#isProbed()) {
        this.begin();
        const passed = (await ask(this.#port, probe))?.ok === true;
        this.end();
        inARow = passed === last ? inARow + 1 : 1;
        last = passed;
      }
      if (this.#isProbed()) onOutcome(last ?? true, inARow);
      else last = undefined;
      if (this.#isProbed() || this.#state === "frozen") {
        schedule(Math.max(0, probe.periodSeconds - (performance.now() - began) / 1000));
      }
    };
    const schedule = (seconds: number) => setTimeout(() => void check(), seconds * 1000).unref();
    schedule(Math.max(probe.initialDelaySeconds, probe.periodSeconds));
  }
}

function essentials(): Record<string, string> {
  const entries = ESSENTIALS.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

interface ProbeAnswer {
  readonly ok: boolean;
  readonly instance: string | undefined;
}

function ask(port: number, probe: Probe): Promise<ProbeAnswer | undefined> {
  return new Promise((resolve) => {
    const timeout = probe.timeoutSeconds * 1000;
    const headers = { "User-Agent": "GoogleHC/1.0" };
    const options = { host: "127.0.0.1", port, path: probe.path, agent: false, headers, timeout };
    const request = http.get(options, (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      const instance = response.headers["x-instance"];
      resolve({
        // For Cloud Run, 2XX and 3XX are successes.
        ok: statusCode >= 200 && statusCode < 400,
        instance: typeof instance === "string" ? instance : undefined,
      });
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(undefined));
    request.once("close", () => resolve(undefined));
  });
}

/** The port in the log line `listening`; 0 in other lines. */
function portIn(line: string): number {
  const { event, port } = parseObject(line) ?? {};
  return event === "listening" && typeof port === "number" ? port : 0;
}
