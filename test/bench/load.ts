import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

/** Parameters of a run of load. */
export interface Load {
  readonly url: string;
  /** Concurrent requests, each on a keep-alive connection. */
  readonly connections: number;
  readonly seconds: number;
  /** File with one Cookie header per line, sent in turn; default: no cookies. */
  readonly cookies?: string | undefined;
}

export interface LoadFigures {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Sends load to a server from a process of its own. */
export interface LoadGenerator {
  readonly name: string;
  /** @throws Error if a request got no response, or a status other than 2xx */
  run(load: Load): Promise<LoadFigures>;
}

/** wrk if it is installed: it takes a fraction of the server's CPU time, autocannon as much. */
export function loadGenerator(pin: readonly string[]): LoadGenerator {
  const wrk = spawnSync("wrk", ["-v"]).error === undefined;
  return {
    name: wrk ? "wrk" : "autocannon",
    async run(load) {
      const command = wrk ? wrkCommand(load) : autocannonCommand(load);
      const { failures, ...figures } = parse(await output([...pin, ...command]));
      if (failures > 0) throw new Error(`${failures} requests to ${load.url} failed.`);
      return figures;
    },
  };
}

function wrkCommand({ url, connections, seconds, cookies }: Load): string[] {
  const script = join(import.meta.dirname, "load.lua");
  const options = ["-t1", `-c${connections}`, `-d${seconds}`, "--timeout", "30", "-s", script, url];
  return ["wrk", ...options, ...(cookies === undefined ? [] : ["--", cookies])];
}

function autocannonCommand({ url, connections, seconds, cookies }: Load): string[] {
  const script = join(import.meta.dirname, "autocannonLoad.ts");
  const options = [url, String(connections), String(seconds)];
  return [process.execPath, script, ...options, ...(cookies === undefined ? [] : [cookies])];
}

function output([program = "", ...args]: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${program} ended with ${code}.`)),
    );
  });
}

function parse(text: string): LoadFigures & { readonly failures: number } {
  const line = text.split("\n").find((candidate) => candidate.startsWith('{"requests"'));
  if (line === undefined) throw new Error(`The load generator gave no figures:\n${text}`);
  return JSON.parse(line);
}
