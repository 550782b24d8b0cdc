import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { figuresOf, type ProcessFigures } from "./processes.ts";

/** How a server is started. */
export interface ServerCommand {
  /** Program and arguments; `node` is this process's Node. PORT is in the environment. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Prefix of the command that pins the process to a core. */
  readonly pin?: readonly string[];
  /** Whether to open a message channel to the process. */
  readonly ipc?: boolean;
}

/** Milliseconds within which a server must answer. */
const PATIENCE = 20_000;

/** A server in a process of its own, ended by `await using`. Its output is discarded. */
export class ChildServer implements AsyncDisposable {
  readonly url: string;
  readonly process: ChildProcess;
  readonly #ended: Promise<void>;
  #errors = "";

  private constructor({ command, env, cwd, pin = [], ipc }: ServerCommand, port: number) {
    const [program = "", ...args] = [...pin, ...command].map((word) =>
      word === "node" ? process.execPath : word,
    );
    this.url = `http://127.0.0.1:${port}`;
    this.process = spawn(program, args, {
      env: { PATH: process.env.PATH, NODE_ENV: "production", ...env, PORT: String(port) },
      stdio: ["ignore", "ignore", "pipe", ...(ipc ? (["ipc"] as const) : [])],
      ...(cwd !== undefined && { cwd }),
    });
    this.process.stderr?.on("data", (chunk) => {
      this.#errors = `${this.#errors}${chunk}`.slice(-4000);
    });
    this.#ended = new Promise((resolve) => {
      this.process.once("error", () => resolve());
      this.process.once("close", () => resolve());
    });
  }

  /** Resolves when the server answers `path`, whatever the status. */
  static async start(command: ServerCommand, path = "/"): Promise<ChildServer> {
    const server = new ChildServer(command, await freePort());
    const deadline = performance.now() + PATIENCE;
    while (performance.now() < deadline && server.process.exitCode === null) {
      const answered = await fetch(server.url + path).then(
        (response) => response.arrayBuffer(),
        () => undefined,
      );
      if (answered !== undefined) return server;
      await delay(20);
    }
    await server[Symbol.asyncDispose]();
    throw new Error(`${command.command.join(" ")} does not answer.\n${server.#errors}`);
  }

  figures(): ProcessFigures | undefined {
    return figuresOf(this.process.pid ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 3000);
    await this.#ended;
    clearTimeout(timer);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
