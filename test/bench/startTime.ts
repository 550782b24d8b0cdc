import { spawn } from "node:child_process";
import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, type ServerCommand } from "./childServer.ts";

/** Milliseconds between two polls of a starting server. */
const POLL = 1;
const PATIENCE = 20_000;

/** A request that a server answers with 200 once it has started. */
interface FirstRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Milliseconds from the start of a server's process to the first 200; it is killed then. */
export async function startTime(
  { command, env, cwd, pin = [] }: ServerCommand,
  request: FirstRequest = { path: "/health/ready" },
): Promise<number> {
  const port = await freePort();
  const [program = "", ...args] = [...pin, ...command].map((word) =>
    word === "node" ? process.execPath : word,
  );
  const began = performance.now();
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, NODE_ENV: "production", ...env, PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
    ...(cwd !== undefined && { cwd }),
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    while (!(await isAnswered(port, request))) {
      const late = performance.now() - began > PATIENCE;
      if (late || child.exitCode !== null) throw new Error(`${command.join(" ")} gets not ready.`);
      await delay(POLL);
    }
    return performance.now() - began;
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

function isAnswered(port: number, { path, headers = {} }: FirstRequest): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).once("error", () => resolve(false));
  });
}
